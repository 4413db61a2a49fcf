// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "net/stream.hpp"
#include "reactor/event.hpp"

namespace uringcorn::http::h1 {

/// What a connection is about to send. One sends at a time: while a flush is under way the buffer
/// must be left alone, so whoever is not the one coroutine of the connection (a handler that streams
/// or hints) waits for until_free() first.
class Output {
 public:
  Output(net::Stream& stream, ByteBuffer& buffer, Clock::duration write_timeout) noexcept
      : stream_(stream), buffer_(buffer), write_timeout_(write_timeout) {}

  ByteBuffer& buffer() noexcept { return buffer_; }
  bool busy() const noexcept { return busy_; }
  /// How the sends went so far: after the first failure nothing is sent any more.
  net::IoStatus status() const noexcept { return status_; }

  Task<void> until_free();
  /// Sends what is in the buffer.
  Task<net::IoStatus> flush();
  /// Sends what is in the buffer and then `bytes`, without copying them if they are many.
  Task<net::IoStatus> flush(std::string_view bytes);

 private:
  /// Up to so many bytes a copy is cheaper than a system call of their own.
  static constexpr std::size_t k_copy_max = 16 * 1024;

  net::Stream& stream_;
  ByteBuffer& buffer_;
  Clock::duration write_timeout_;
  net::IoStatus status_ = net::IoStatus::ok;
  bool busy_ = false;
  reactor::Event free_;
};

}  // namespace uringcorn::http::h1
