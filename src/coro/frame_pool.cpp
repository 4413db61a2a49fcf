// SPDX-License-Identifier: MIT
#include "coro/frame_pool.hpp"

#include <uringcorn/task.hpp>

#include <array>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define URINGCORN_POOL_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define URINGCORN_POOL_FRAMES 0
#endif
#endif
#ifndef URINGCORN_POOL_FRAMES
#define URINGCORN_POOL_FRAMES 1
#endif

namespace uringcorn {
namespace {

constexpr std::size_t k_class_bytes = 64;
constexpr std::size_t k_pooled_frame_bytes_max = 2048;
constexpr std::size_t k_classes = k_pooled_frame_bytes_max / k_class_bytes;
/// Frames kept for reuse in each class; what is freed beyond goes back to the allocator.
constexpr std::uint32_t k_kept_frames_max = 1024;

struct FreeFrame {
  FreeFrame* next;
};

struct FreeList {
  FreeFrame* first = nullptr;
  std::uint32_t length = 0;
};

struct FramePool {
  std::array<FreeList, k_classes> lists;
  std::ptrdiff_t live = 0;

  void release() noexcept {
    for (FreeList& list : lists) {
      while (list.first != nullptr) {
        FreeFrame* frame = list.first;
        list.first = frame->next;
        ::operator delete(frame);
      }
      list.length = 0;
    }
  }
};

// Trivially destructible, so that an access is one load and no guard: threads that end call
// release_pooled_frames().
constinit thread_local FramePool t_pool;

constexpr std::size_t class_of(std::size_t size) noexcept {
  return (size - 1) / k_class_bytes;
}

}  // namespace

void* detail::allocate_frame(std::size_t size) {
  FramePool& pool = t_pool;
  pool.live++;
  if (URINGCORN_POOL_FRAMES == 0 || size > k_pooled_frame_bytes_max) {
    return ::operator new(size);
  }
  const std::size_t size_class = class_of(size);
  FreeList& list = pool.lists[size_class];
  if (list.first == nullptr) {
    return ::operator new((size_class + 1) * k_class_bytes);
  }
  FreeFrame* frame = list.first;
  list.first = frame->next;
  list.length--;
  return frame;
}

void detail::free_frame(void* frame, std::size_t size) noexcept {
  FramePool& pool = t_pool;
  pool.live--;
  if (URINGCORN_POOL_FRAMES == 0 || size > k_pooled_frame_bytes_max) {
    ::operator delete(frame);
    return;
  }
  FreeList& list = pool.lists[class_of(size)];
  if (list.length == k_kept_frames_max) {
    ::operator delete(frame);
    return;
  }
  list.first = new (frame) FreeFrame{list.first};
  list.length++;
}

namespace coro {

std::ptrdiff_t live_frames() noexcept {
  return t_pool.live;
}

void release_pooled_frames() noexcept {
  t_pool.release();
}

}  // namespace coro
}  // namespace uringcorn
