// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

namespace uringcorn::net {

/// A place to listen at that cannot be understood. `what()` is one sentence without the program's
/// name.
class AddressError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct TcpAddress {
  std::string host;  ///< a name or an address without brackets; empty: every IPv4 address
  std::uint16_t port = 0;
};

struct UnixAddress {
  std::string path;
};

/// A socket that somebody else made and this process was started with.
struct InheritedSocket {
  int fd = -1;       ///< negative: the descriptor is known by its name only
  std::string name;  ///< as the service manager calls it
};

using BindAddress = std::variant<TcpAddress, UnixAddress, InheritedSocket>;

/// Understands `HOST:PORT`, `[IPV6]:PORT`, `:PORT`, `unix:PATH`, `fd://N` and `fd://NAME`, without
/// a scheme in front. Throws AddressError. Resolves nothing and touches no file.
BindAddress parse_bind(std::string_view text);

/// `127.0.0.1:8000`, `[::1]:8000` or `unix:/run/shop.sock`; `unix:` alone for a socket without a
/// name, which is what the peer of a Unix socket usually is.
std::string address_text(const sockaddr* address, socklen_t length);

}  // namespace uringcorn::net
