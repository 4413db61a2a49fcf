// SPDX-License-Identifier: MIT
#include "net/peer.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstring>

namespace uringcorn::net {

Peer Peer::of(int socket) noexcept {
  Peer peer;
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return peer;
  }
  const void* address = nullptr;
  int family = storage.ss_family;
  if (family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    address = &v4.sin_addr;
    peer.port_ = ntohs(v4.sin_port);
  } else if (family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    peer.port_ = ntohs(v6.sin6_port);
    address = &v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      family = AF_INET;
      address = &v6.sin6_addr.s6_addr[12];
    }
  }
  if (address != nullptr &&
      ::inet_ntop(family, address, peer.text_.data(), peer.text_.size()) != nullptr) {
    peer.length_ = static_cast<std::uint8_t>(std::strlen(peer.text_.data()));
  }
  return peer;
}

}  // namespace uringcorn::net
