// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <uringcorn/fields.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "net/stream.hpp"

namespace uringcorn::http::ws {

/// What carries the bytes of a WebSocket: a connection that was upgraded, or a stream of HTTP/2.
class Transport {
 public:
  struct Received {
    net::IoStatus status = net::IoStatus::ok;
    std::span<char> bytes;  ///< at least one if status is ok; may be written to
  };

  /// Answers the request so that bytes can flow: `fields` are those of the application and of the
  /// handshake. What has to go out in front of the first frame is appended to `out`.
  virtual void open(Fields fields, ByteBuffer& out) = 0;

  /// Waits for bytes, which stay valid until the next call or release().
  virtual Task<Received> receive() = 0;
  /// The memory of what receive() gave is not needed any more.
  virtual void release() noexcept = 0;
  /// Beyond `deadline`, receive() ends with timed_out. May be set while one waits.
  virtual void set_receive_deadline(Clock::time_point deadline) noexcept = 0;

  /// Sends what can go at once. Gives the count, or a negated errno.
  virtual std::ptrdiff_t try_send(std::string_view bytes) noexcept = 0;
  /// Sends all of `bytes`, which must stay until the end. timed_out when the client takes nothing
  /// for `stall_timeout` (zero: waits forever).
  virtual Task<net::IoStatus> send(std::string_view bytes, Clock::duration stall_timeout) = 0;

  /// Ends our side, after all that was sent, and sees that the client gets it.
  virtual Task<void> end() = 0;
  /// The client is not worth another byte, or takes none.
  virtual void abort() noexcept = 0;

 protected:
  ~Transport() = default;
};

}  // namespace uringcorn::http::ws
