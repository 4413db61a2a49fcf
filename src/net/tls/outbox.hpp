// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/byte_buffer.hpp"

namespace uringcorn::net::tls {

/// Records of one session that the socket did not take yet. Holds no memory while there are none.
class Outbox {
 public:
  /// More than this waits only when the peer makes us answer (key updates) and never reads.
  static constexpr std::size_t k_waiting_max = 256 * 1024;

  /// Sends what waits and `fresh` behind it, as far as the socket takes it at once; the rest waits.
  /// `flags` are added to those of send(2). Gives 0, or a negated errno. Throws std::bad_alloc.
  int send(int socket, std::string_view fresh, int flags = 0);

  bool empty() const noexcept { return waiting_.empty() && !sending_; }

  /// Takes what waits, to be sent by an operation; it stays where it is until end_operation(). What
  /// is added meanwhile waits behind it.
  std::string_view begin_operation() noexcept {
    std::swap(waiting_, in_flight_);
    sending_ = true;
    return in_flight_.view();
  }
  void end_operation() noexcept {
    in_flight_.release();
    sending_ = false;
  }

 private:
  ByteBuffer waiting_;
  ByteBuffer in_flight_;
  bool sending_ = false;
};

}  // namespace uringcorn::net::tls
