// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "net/stream.hpp"
#include "reactor/event.hpp"

namespace uringcorn::http::h1 {

/// What a connection has to send: gathered in one buffer, sent in one piece. Several coroutines of
/// a connection may append and flush (its own, a handler that sends an interim answer, a producer
/// that streams a body); one of them sends at a time, and takes along what the others append
/// meanwhile.
class Output {
 public:
  /// Bytes of one answer's body up to this number are copied behind its head; more are sent from
  /// where they are.
  static constexpr std::size_t k_copied_bytes_max = 16 * 1024;

  /// From now on sends to `stream`, which takes at least a byte each `stall_timeout` (zero:
  /// whenever it likes) or is given up.
  void attach(net::Stream& stream, Clock::duration stall_timeout) noexcept;
  /// Nothing is sent any more, and memory beyond `bytes_kept` of each buffer is given back.
  void detach(std::size_t bytes_kept) noexcept;

  /// Where to append.
  ByteBuffer& buffer() noexcept { return buffer_; }
  /// Not ok: the connection is of no use for sending any more, and what is appended goes nowhere.
  net::IoStatus status() const noexcept { return status_; }

  /// Sends what the socket takes at once. True: nothing is left to send (or nobody to send it to).
  bool try_flush() noexcept;
  /// Sends everything, unless somebody is at it: then that one will.
  Task<net::IoStatus> flush();
  /// Sends everything, and `bytes` behind it. Waits for its turn.
  Task<net::IoStatus> flush_and_send(std::string_view bytes);
  /// Waits until nobody sends. False: the scope was cancelled. One coroutine at a time.
  Task<bool> wait_for_turn();
  bool sending() const noexcept { return sending_; }

 private:
  void fail(net::IoStatus status) noexcept;

  net::Stream* stream_ = nullptr;
  Clock::duration stall_timeout_{};
  ByteBuffer buffer_;
  ByteBuffer in_flight_;
  reactor::Event sent_;
  net::IoStatus status_ = net::IoStatus::ok;
  bool sending_ = false;
};

}  // namespace uringcorn::http::h1
