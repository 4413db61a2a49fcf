// SPDX-License-Identifier: MIT
#include "http/h2/session_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace uringcorn::http::h2 {
namespace {

constexpr std::size_t k_page_bytes = 4096;

}  // namespace

nghttp2_mem SessionMemory::functions() noexcept {
  return {.mem_user_data = this,
          .malloc = allocate,
          .free = release,
          .calloc = allocate_zeroed,
          .realloc = resize};
}

/// The first block of that size is the one in which each frame begins. It is lent once.
void* SessionMemory::allocate(std::size_t bytes, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  if (bytes == FrameBuffer::k_bytes && !std::exchange(self.frames_are_lent_, true)) {
    return self.frames_.bytes();
  }
  return std::malloc(bytes);
}

/// A table that is whole pages gets them for itself. Of several it is the last, the one that it
/// grew to.
void* SessionMemory::allocate_zeroed(std::size_t count, std::size_t bytes, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  std::size_t size = 0;
  if (__builtin_mul_overflow(count, bytes, &size)) {
    return nullptr;
  }
  if (size == 0 || size % k_page_bytes != 0) {
    return std::calloc(count, bytes);
  }
  void* const table = std::aligned_alloc(k_page_bytes, size);
  if (table != nullptr) {
    std::memset(table, 0, size);
    self.table_ = table;
    self.table_bytes_ = size;
  }
  return table;
}

/// nghttp2 makes its buffers this way, out of nothing.
void* SessionMemory::resize(void* block, std::size_t bytes, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  if (block == nullptr) {
    return allocate(bytes, memory);
  }
  if (block == self.frames_.bytes()) {
    void* const larger = std::malloc(std::max(bytes, FrameBuffer::k_bytes));
    if (larger != nullptr) {
      std::memcpy(larger, block, FrameBuffer::k_bytes);
    }
    return larger;
  }
  if (block == self.table_) {
    self.table_ = nullptr;  // it may move to where pages are shared
  }
  return std::realloc(block, bytes);
}

void SessionMemory::release(void* block, void* memory) noexcept {
  auto& self = *static_cast<SessionMemory*>(memory);
  if (block == self.frames_.bytes()) {
    return;
  }
  if (block == self.table_) {
    self.table_ = nullptr;
  }
  std::free(block);
}

void SessionMemory::rest() noexcept {
  const auto* const table = static_cast<const char*>(table_);
  // Nothing but zeros is what the pages hold too when they come back.
  if (table != nullptr && table[0] == 0 && std::memcmp(table, table + 1, table_bytes_ - 1) == 0) {
    ::madvise(table_, table_bytes_, MADV_DONTNEED);
  }
}

}  // namespace uringcorn::http::h2
