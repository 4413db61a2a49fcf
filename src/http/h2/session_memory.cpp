// SPDX-License-Identifier: MIT
#include "http/h2/session_memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

namespace uringcorn::http::h2 {
namespace {

constexpr std::size_t k_page_bytes = 4096;
/// The buffer for frames holds the largest payload that nghttp2 sends, and is made first of all
/// that are as large.
constexpr std::size_t k_frame_payload_bytes = 16 * 1024;

}  // namespace

SessionMemory::SessionMemory() noexcept
    : functions_{.mem_user_data = this,
                 .malloc = allocate,
                 .free = release,
                 .calloc = [](std::size_t count, std::size_t bytes,
                              void*) { return std::calloc(count, bytes); },
                 .realloc = resize} {}

void* SessionMemory::allocate(std::size_t bytes, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  const bool is_for_frames = bytes >= k_frame_payload_bytes && self.frames_ == nullptr;
  return is_for_frames ? self.allocate_frames(bytes) : std::malloc(bytes);
}

void* SessionMemory::allocate_frames(std::size_t bytes) noexcept {
  frames_bytes_ = (bytes + k_page_bytes - 1) / k_page_bytes * k_page_bytes;
  frames_ = std::aligned_alloc(k_page_bytes, frames_bytes_);
  return frames_;
}

/// nghttp2 makes its buffers this way, out of nothing.
void* SessionMemory::resize(void* block, std::size_t bytes, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  if (block == nullptr) {
    return allocate(bytes, memory);
  }
  if (block == self.frames_) {
    self.frames_ = nullptr;  // it may move to where pages are shared
  }
  return std::realloc(block, bytes);
}

void SessionMemory::release(void* block, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  if (block == self.frames_) {
    self.frames_ = nullptr;
  }
  std::free(block);
}

void SessionMemory::rest() noexcept {
  if (frames_ != nullptr) {
    // Whether the kernel takes them or not, nothing is in them.
    ::madvise(frames_, frames_bytes_, MADV_DONTNEED);
  }
}

}  // namespace uringcorn::http::h2
