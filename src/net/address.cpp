// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

namespace uringcorn::net {
namespace {

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::uint16_t parse_port(std::string_view text, std::string_view port) {
  const auto number = whole_number<std::uint16_t>(port);
  if (!number) {
    throw AddressError(
        fmt::format("cannot listen on '{}': '{}' is not a port (0 to 65535)", text, port));
  }
  return *number;
}

InheritedSocket parse_inherited(std::string_view text, std::string_view which) {
  const bool is_name =
      !which.empty() && std::string_view("0123456789-+").find(which[0]) == std::string_view::npos;
  if (is_name) {
    return {-1, std::string(which)};
  }
  const auto fd = whole_number<int>(which);
  if (!fd || *fd < 0) {
    throw AddressError(
        fmt::format("cannot listen on '{}': '{}' is neither the number of a descriptor nor a name",
                    text, which));
  }
  return {*fd, {}};
}

UnixAddress parse_unix(std::string_view text, std::string_view path) {
  if (path.empty()) {
    throw AddressError(
        fmt::format("cannot listen on '{}': the path of the socket is missing", text));
  }
  constexpr std::size_t path_max = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > path_max) {
    throw AddressError(fmt::format(
        "cannot listen on '{}': the path has {} bytes, and a Unix socket's has {} at most", text,
        path.size(), path_max));
  }
  return {std::string(path)};
}

TcpAddress parse_ipv6(std::string_view text) {
  const std::size_t end = text.find("]:");
  if (end == std::string_view::npos) {
    throw AddressError(fmt::format("cannot listen on '{}': expected [IPV6]:PORT", text));
  }
  return {std::string(text.substr(1, end - 1)), parse_port(text, text.substr(end + 2))};
}

}  // namespace

BindAddress parse_bind(std::string_view text) {
  constexpr std::string_view unix_prefix = "unix:";
  constexpr std::string_view fd_prefix = "fd://";
  if (text.starts_with(unix_prefix)) {
    return parse_unix(text, text.substr(unix_prefix.size()));
  }
  if (text.starts_with(fd_prefix)) {
    return parse_inherited(text, text.substr(fd_prefix.size()));
  }
  if (text.starts_with('[')) {
    return parse_ipv6(text);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw AddressError(fmt::format(
        "cannot listen on '{}': expected HOST:PORT, [IPV6]:PORT, :PORT, unix:PATH or fd://N",
        text));
  }
  if (text.find(':', colon + 1) != std::string_view::npos) {
    throw AddressError(fmt::format(
        "cannot listen on '{}': an IPv6 address stands in brackets, as in [::1]:8000", text));
  }
  return TcpAddress{std::string(text.substr(0, colon)), parse_port(text, text.substr(colon + 1))};
}

std::string address_text(const sockaddr* address, socklen_t length) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  switch (address->sa_family) {
    case AF_INET: {
      sockaddr_in v4{};
      std::memcpy(&v4, address, sizeof v4);
      ::inet_ntop(AF_INET, &v4.sin_addr, host.data(), host.size());
      return fmt::format("{}:{}", host.data(), ntohs(v4.sin_port));
    }
    case AF_INET6: {
      sockaddr_in6 v6{};
      std::memcpy(&v6, address, sizeof v6);
      ::inet_ntop(AF_INET6, &v6.sin6_addr, host.data(), host.size());
      return fmt::format("[{}]:{}", host.data(), ntohs(v6.sin6_port));
    }
    case AF_UNIX: {
      sockaddr_un local{};
      std::memcpy(&local, address, std::min<std::size_t>(length, sizeof local));
      const std::size_t room = length - offsetof(sockaddr_un, sun_path);
      return fmt::format("unix:{}",
                         std::string_view(local.sun_path, ::strnlen(local.sun_path, room)));
    }
    default:
      return fmt::format("address family {}", address->sa_family);
  }
}

}  // namespace uringcorn::net
