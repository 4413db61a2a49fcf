// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

#include <nghttp2/nghttp2.h>

namespace uringcorn::http::h2 {

/// The buffer in which nghttp2 makes frames, for all sessions of a worker: they never need it at
/// the same time. What nghttp2_session_mem_send() gives is to be taken before another session is
/// asked; nghttp2 itself looks at it no more.
class FrameBuffer {
 public:
  /// As nghttp2 asks for it: the header of a frame, a length of padding, the largest payload.
  static constexpr std::size_t k_bytes = 9 + 1 + 16 * 1024;

  void* bytes() noexcept { return bytes_.data(); }

 private:
  std::array<char, k_bytes> bytes_;
};

/// Where nghttp2 has the memory of one session: on the heap, but for what an idle connection need
/// not hold. Frames are made in the worker's buffer (what continues a large head has its own), and
/// the table of streams is on pages of its own, which can be given back. Must outlive the session.
class SessionMemory {
 public:
  /// `frames` must outlive it.
  explicit SessionMemory(FrameBuffer& frames) noexcept : frames_(frames) {}
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  nghttp2_mem functions() noexcept;

  /// Gives the table's pages back, until they are used again, if there is nothing in it.
  void rest() noexcept;

 private:
  static void* allocate(std::size_t bytes, void* memory) noexcept;
  static void* allocate_zeroed(std::size_t count, std::size_t bytes, void* memory) noexcept;
  static void* resize(void* block, std::size_t bytes, void* memory) noexcept;
  static void release(void* block, void* memory) noexcept;

  FrameBuffer& frames_;
  bool frames_are_lent_ = false;
  void* table_ = nullptr;
  std::size_t table_bytes_ = 0;
};

}  // namespace uringcorn::http::h2
