// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <sys/socket.h>

#include "base/address_list.hpp"
#include "base/ip_address.hpp"

namespace uringcorn::net {

/// Who is at the other end of a connection.
class Peer {
 public:
  /// Unknown: no address, not trusted by anybody.
  Peer() noexcept = default;
  Peer(const IpAddress& ip, std::uint16_t port) noexcept;
  /// The peer with a socket address as accept(2) gives it.
  static Peer of(const sockaddr_storage& address) noexcept;

  /// As text: "192.0.2.7", "2001:db8::1" (an IPv4 address mapped into IPv6 is shown as IPv4), and
  /// nothing at all for a unix socket.
  std::string_view address() const noexcept { return {text_.data(), length_}; }
  std::uint16_t port() const noexcept { return port_; }

  /// Whether `list` has the peer's address. The peer of a unix socket is in every list, as with
  /// gunicorn: it has no address to be listed by, and who may connect is up to the file's mode.
  bool is_in(const AddressList& list) const noexcept {
    return kind_ == Kind::unix_socket || (kind_ == Kind::ip && list.contains(ip_));
  }

 private:
  enum class Kind : std::uint8_t { unknown, ip, unix_socket };

  IpAddress ip_;
  std::array<char, IpAddress::k_text_max> text_{};
  std::uint8_t length_ = 0;
  Kind kind_ = Kind::unknown;
  std::uint16_t port_ = 0;
};

}  // namespace uringcorn::net
