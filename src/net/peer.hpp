// SPDX-License-Identifier: MIT
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace uringcorn::net {

/// Who is at the other end of a connection, as text: "192.0.2.7", "2001:db8::1" (an IPv4 address
/// mapped into IPv6 is shown as IPv4), and nothing at all for a unix socket.
class Peer {
 public:
  Peer() noexcept = default;
  /// The peer of a connected socket.
  static Peer of(int socket) noexcept;

  std::string_view address() const noexcept { return {text_.data(), length_}; }
  std::uint16_t port() const noexcept { return port_; }

 private:
  std::array<char, INET6_ADDRSTRLEN> text_{};
  std::uint8_t length_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace uringcorn::net
