// SPDX-License-Identifier: MIT
#include "net/peer.hpp"

#include <netinet/in.h>

#include <cstring>
#include <span>

namespace uringcorn::net {
namespace {

template <std::size_t N, class Address>
std::array<std::uint8_t, N> bytes_of(const Address& address) noexcept {
  static_assert(sizeof(Address) == N);
  std::array<std::uint8_t, N> bytes;
  std::memcpy(bytes.data(), &address, N);
  return bytes;
}

}  // namespace

Peer::Peer(const IpAddress& ip, std::uint16_t port) noexcept
    : ip_(ip), length_(static_cast<std::uint8_t>(ip.write(text_))), kind_(Kind::ip), port_(port) {}

Peer Peer::of(const sockaddr_storage& address) noexcept {
  switch (address.ss_family) {
    case AF_INET: {
      const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
      return {IpAddress(bytes_of<4>(v4.sin_addr)), ntohs(v4.sin_port)};
    }
    case AF_INET6: {
      const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
      return {IpAddress(bytes_of<16>(v6.sin6_addr)), ntohs(v6.sin6_port)};
    }
    case AF_UNIX: {
      Peer peer;
      peer.kind_ = Kind::unix_socket;
      return peer;
    }
    default:
      return {};
  }
}

}  // namespace uringcorn::net
