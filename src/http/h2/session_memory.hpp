// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <nghttp2/nghttp2.h>

namespace uringcorn::http::h2 {

/// Where nghttp2 has the memory of one session: on the heap, but for the buffer in which it makes
/// frames. That one takes 16 KiB, of which a connection that rests needs nothing, so it is on pages
/// of its own, which can be given back. Must outlive the session.
class SessionMemory {
 public:
  SessionMemory() noexcept;
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  nghttp2_mem* functions() noexcept { return &functions_; }

  /// Gives the pages back, until they are used again. Only while no frame is being made or sent:
  /// after nghttp2_session_mem_send() has said that there is nothing more.
  void rest() noexcept;

 private:
  static void* allocate(std::size_t bytes, void* memory) noexcept;
  static void* resize(void* block, std::size_t bytes, void* memory) noexcept;
  static void release(void* block, void* memory) noexcept;
  void* allocate_frames(std::size_t bytes) noexcept;

  nghttp2_mem functions_;
  void* frames_ = nullptr;
  std::size_t frames_bytes_ = 0;
};

}  // namespace uringcorn::http::h2
