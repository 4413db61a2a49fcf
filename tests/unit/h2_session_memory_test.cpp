// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

#include "http/h2/session_memory.hpp"

namespace {

using uringcorn::http::h2::SessionMemory;

constexpr std::size_t k_frame_buffer_bytes = 16'394;  // as nghttp2 asks for it

/// A block full of something, as nghttp2 gets it.
char* block_of(nghttp2_mem& memory, std::size_t bytes) {
  auto* const block = static_cast<char*>(memory.realloc(nullptr, bytes, memory.mem_user_data));
  std::fill_n(block, bytes, 'x');
  return block;
}

bool is_all(char c, const char* block, std::size_t bytes) {
  return std::string_view(block, bytes).find_first_not_of(c) == std::string_view::npos;
}

}  // namespace

TEST_CASE("a session that rests gives back the pages of its frame buffer, and nothing else") {
  SessionMemory session;
  nghttp2_mem& memory = *session.functions();
  session.rest();  // there is none yet
  char* const small = block_of(memory, 4000);
  char* const frames = block_of(memory, k_frame_buffer_bytes);
  char* const other = block_of(memory, k_frame_buffer_bytes);
  session.rest();
  CHECK(is_all('x', small, 4000));
  CHECK(is_all('\0', frames, k_frame_buffer_bytes));
  CHECK(is_all('x', other, k_frame_buffer_bytes));
  std::fill_n(frames, k_frame_buffer_bytes, 'y');  // it can be used again
  CHECK(is_all('y', frames, k_frame_buffer_bytes));
  memory.free(frames, memory.mem_user_data);
  session.rest();  // it is nobody's now
  memory.free(small, memory.mem_user_data);
  memory.free(other, memory.mem_user_data);
}

TEST_CASE("a frame buffer that grows keeps what is in it, and rests no more") {
  SessionMemory session;
  nghttp2_mem& memory = *session.functions();
  char* block = block_of(memory, k_frame_buffer_bytes);
  block = static_cast<char*>(memory.realloc(block, 2 * k_frame_buffer_bytes, memory.mem_user_data));
  session.rest();
  CHECK(is_all('x', block, k_frame_buffer_bytes));
  memory.free(block, memory.mem_user_data);
}
