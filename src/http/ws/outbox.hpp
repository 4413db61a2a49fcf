// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "http/ws/transport.hpp"
#include "reactor/event.hpp"

namespace uringcorn::http::ws {

/// The frames that wait to be sent. Whoever has one appends it; one coroutine at a time sends, and
/// takes along what the others append meanwhile. So no frame is cut off by the cancellation of the
/// one who appended it.
class Outbox {
 public:
  /// Sends through `transport`, which takes at least a byte each `stall_timeout` (zero: whenever it
  /// likes) or is given up.
  Outbox(Transport& transport, Clock::duration stall_timeout) noexcept
      : transport_(transport), stall_timeout_(stall_timeout) {}

  /// Where to append whole frames.
  ByteBuffer& buffer() noexcept { return buffer_; }
  /// The bytes that are not sent yet.
  std::size_t pending() const noexcept { return buffer_.size() + in_flight_.size(); }
  /// Nothing can be sent any more; what is appended goes nowhere.
  bool failed() const noexcept { return failed_; }
  /// Somebody runs send_all(), or will at once.
  bool has_sender() const noexcept { return has_sender_; }
  void set_has_sender() noexcept { has_sender_ = true; }

  /// Sends what can go at once. True: nothing is left.
  bool try_send() noexcept;
  /// Sends until nothing is left, or it fails. To be run by one coroutine at a time.
  Task<void> send_all();

  /// Waits until something was sent. False: the scope was cancelled.
  Task<bool> progress();

 private:
  void fail() noexcept;
  void forget_sent() noexcept;

  Transport& transport_;
  Clock::duration stall_timeout_;
  ByteBuffer buffer_;
  ByteBuffer in_flight_;
  reactor::Event progress_;
  bool has_sender_ = false;
  bool failed_ = false;
};

}  // namespace uringcorn::http::ws
