// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "http/h2/session_memory.hpp"

namespace {

using uringcorn::http::h2::FrameBuffer;
using uringcorn::http::h2::SessionMemory;

constexpr std::size_t k_page_bytes = 4096;
constexpr std::size_t k_entry_bytes = 16;
constexpr std::size_t k_entries = k_page_bytes / k_entry_bytes;  // as nghttp2 asks for them

/// What nghttp2 calls, as one session has it.
class Heap {
 public:
  explicit Heap(SessionMemory& memory) : functions_(memory.functions()) {}

  char* resize(void* block, std::size_t bytes) {
    return static_cast<char*>(functions_.realloc(block, bytes, functions_.mem_user_data));
  }
  char* zeroed(std::size_t count, std::size_t bytes) {
    return static_cast<char*>(functions_.calloc(count, bytes, functions_.mem_user_data));
  }
  void free(void* block) { functions_.free(block, functions_.mem_user_data); }

 private:
  nghttp2_mem functions_;
};

bool is_all(char c, const char* block, std::size_t bytes) {
  return std::string_view(block, bytes).find_first_not_of(c) == std::string_view::npos;
}

bool is_resident(char* page) {
  unsigned char state = 0;
  REQUIRE(::mincore(page, k_page_bytes, &state) == 0);
  return (state & 1) != 0;
}

struct Delete {
  void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
  void operator()(nghttp2_session_callbacks* callbacks) const noexcept {
    nghttp2_session_callbacks_del(callbacks);
  }
};
using SessionPointer = std::unique_ptr<nghttp2_session, Delete>;

SessionPointer make_session(SessionMemory& memory) {
  nghttp2_session_callbacks* callbacks = nullptr;
  REQUIRE(nghttp2_session_callbacks_new(&callbacks) == 0);
  const std::unique_ptr<nghttp2_session_callbacks, Delete> owner(callbacks);
  nghttp2_session* session = nullptr;
  nghttp2_mem functions = memory.functions();
  REQUIRE(nghttp2_session_server_new3(&session, callbacks, nullptr, nullptr, &functions) == 0);
  return SessionPointer(session);
}

/// The SETTINGS that a session has to send, where nghttp2 made them.
const std::uint8_t* settings_of(const SessionPointer& session) {
  REQUIRE(nghttp2_submit_settings(session.get(), NGHTTP2_FLAG_NONE, nullptr, 0) == 0);
  const std::uint8_t* bytes = nullptr;
  REQUIRE(nghttp2_session_mem_send(session.get(), &bytes) == 9);
  return bytes;
}

}  // namespace

TEST_CASE("sessions make their frames in the worker's buffer, and what continues a frame beside") {
  FrameBuffer frames;
  std::array<SessionMemory, 2> memories{SessionMemory(frames), SessionMemory(frames)};
  for (SessionMemory& memory : memories) {
    Heap heap(memory);
    char* const other = heap.resize(nullptr, FrameBuffer::k_bytes + 1);
    char* const first = heap.resize(nullptr, FrameBuffer::k_bytes);
    char* const next = heap.resize(nullptr, FrameBuffer::k_bytes);
    CHECK(first == frames.bytes());
    CHECK(other != frames.bytes());
    CHECK(next != frames.bytes());
    heap.free(first);
    char* const after = heap.resize(nullptr, FrameBuffer::k_bytes);
    CHECK(after != frames.bytes());  // it may be anything
    for (char* const block : {other, next, after}) {
      heap.free(block);
    }
  }
}

TEST_CASE("a frame buffer that grows becomes the session's own, with what is in it") {
  FrameBuffer frames;
  SessionMemory memory(frames);
  Heap heap(memory);
  char* const first = heap.resize(nullptr, FrameBuffer::k_bytes);
  std::fill_n(first, FrameBuffer::k_bytes, 'x');
  char* const larger = heap.resize(first, 2 * FrameBuffer::k_bytes);
  REQUIRE(larger != frames.bytes());
  std::fill_n(first, FrameBuffer::k_bytes, 'y');
  CHECK(is_all('x', larger, FrameBuffer::k_bytes));
  heap.free(larger);
}

TEST_CASE("the library makes the frames of all sessions in the one buffer") {
  FrameBuffer frames;
  SessionMemory memory(frames);
  SessionMemory other_memory(frames);
  const SessionPointer session = make_session(memory);
  {
    const SessionPointer other = make_session(other_memory);
    const std::uint8_t* const begin = static_cast<std::uint8_t*>(frames.bytes());
    for (const std::uint8_t* const sent : {settings_of(session), settings_of(other)}) {
      CHECK(sent >= begin);
      CHECK(sent < begin + FrameBuffer::k_bytes);
    }
  }
  settings_of(session);  // goes on when the other one is gone
}

TEST_CASE("a session that rests gives back the pages of a table, if there is nothing in it") {
  FrameBuffer frames;
  SessionMemory memory(frames);
  Heap heap(memory);
  memory.rest();  // there is no table yet
  char* const table = heap.zeroed(k_entries, k_entry_bytes);
  CHECK(is_all('\0', table, k_page_bytes));
  for (const std::size_t place : {std::size_t{0}, k_page_bytes / 2, k_page_bytes - 1}) {
    CAPTURE(place);
    table[place] = 'x';
    memory.rest();
    CHECK(is_resident(table));
    CHECK(table[place] == 'x');
    table[place] = '\0';
    memory.rest();
    CHECK_FALSE(is_resident(table));
    CHECK(is_all('\0', table, k_page_bytes));
  }
  heap.free(table);
  memory.rest();  // it is nobody's now
}

TEST_CASE("the table that a session grew to is the one that rests") {
  FrameBuffer frames;
  SessionMemory memory(frames);
  Heap heap(memory);
  char* const small = heap.zeroed(k_entries, k_entry_bytes);
  char* const table = heap.zeroed(2 * k_entries, k_entry_bytes);
  heap.free(small);
  memory.rest();
  CHECK_FALSE(is_resident(table));
  CHECK_FALSE(is_resident(table + k_page_bytes));
  char* const moved = heap.resize(table, 3 * k_page_bytes);
  std::fill_n(moved, 3 * k_page_bytes, 'x');
  memory.rest();
  CHECK(is_all('x', moved, 3 * k_page_bytes));
  heap.free(moved);
}

TEST_CASE("what is no table of whole pages is allocated as ever") {
  FrameBuffer frames;
  SessionMemory memory(frames);
  Heap heap(memory);
  char* const block = heap.zeroed(3, 1000);
  CHECK(is_all('\0', block, 3000));
  memory.rest();
  heap.free(block);
  volatile std::size_t too_many = SIZE_MAX / 2;
  CHECK(heap.zeroed(too_many, 4) == nullptr);
  char* const nothing = heap.zeroed(0, k_entry_bytes);
  heap.free(nothing);
}
