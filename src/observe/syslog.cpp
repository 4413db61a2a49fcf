// SPDX-License-Identifier: MIT
#include "observe/syslog.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>

namespace uringcorn::observe {

namespace {

constexpr std::string_view k_unix = "unix://";
constexpr std::string_view k_udp = "udp://";
constexpr std::string_view k_datagrams = "#dgram";  // gunicorn's way to ask for what there is
constexpr std::string_view k_default_port = "514";
constexpr std::size_t k_longest_tag = 48;

struct HostAndPort {
  std::string host;
  std::string port;
};

// `HOST`, `HOST:PORT`, `[v6]`, `[v6]:PORT`; no host is the local one.
std::optional<HostAndPort> split(std::string_view text) {
  HostAndPort place{"localhost", std::string(k_default_port)};
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    place.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    place.host = colon == 0 ? place.host : std::string(text.substr(0, colon));
    rest = text.substr(colon);
  }
  if (rest.empty()) {
    return place;
  }
  place.port = rest.substr(1);
  unsigned port = 0;
  const char* const end = place.port.data() + place.port.size();
  const auto [stop, error] = std::from_chars(place.port.data(), end, port);
  const bool is_port = error == std::errc{} && stop == end && port > 0 && port <= 65535;
  return rest.starts_with(':') && is_port ? std::optional(place) : std::nullopt;
}

std::string path_of(const std::string& address) {
  std::string path = address.substr(k_unix.size());
  if (path.ends_with(k_datagrams)) {
    path.resize(path.size() - k_datagrams.size());
  }
  return path;
}

// syslog(3): a smaller number is graver.
int severity(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return 7;
    case LogLevel::info:
      return 6;
    case LogLevel::warning:
      return 4;
    case LogLevel::error:
      return 3;
    case LogLevel::critical:
      break;
  }
  return 2;
}

// Whether the daemon is not, or no longer, where the socket was connected to.
bool is_lost(int error) {
  return error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET ||
         error == EDESTADDRREQ || error == ENOENT || error == EBADF;
}

}  // namespace

std::string syslog_address_complaint(const std::string& address) {
  if (address.starts_with(k_unix)) {
    const std::string path = path_of(address);
    const bool fits = !path.empty() && path.size() < sizeof(sockaddr_un::sun_path) &&
                      path.find('#') == std::string::npos;
    return fits ? ""
                : "the path must not be empty, too long for a socket, or followed by a type "
                  "of socket other than #dgram";
  }
  if (address.starts_with(k_udp) && split(std::string_view(address).substr(k_udp.size()))) {
    return {};
  }
  return "expected unix://PATH or udp://HOST:PORT";
}

std::string syslog_tag_complaint(const std::string& tag) {
  const bool is_word = std::all_of(tag.begin(), tag.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '/';
  });
  return is_word && tag.size() <= k_longest_tag
             ? ""
             : fmt::format("a tag has at most {} letters, digits and . - _ /", k_longest_tag);
}

// ---- heads ----

SyslogHead::SyslogHead(const SyslogOptions& options) : facility_(options.facility) {
  if (options.address.starts_with(k_udp)) {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    host_and_tag_ = std::string(host.data()) + ' ';
  }
  host_and_tag_ += options.tag;
}

void SyslogHead::append(std::string& out, LogLevel level) {
  const std::time_t now = std::time(nullptr);
  if (now != second_) {
    std::tm local{};
    ::localtime_r(&now, &local);
    char text[32];
    time_.assign(text, std::strftime(text, sizeof text, "%b %e %H:%M:%S", &local));
    second_ = now;
  }
  fmt::format_to(std::back_inserter(out), "<{}>{} {}[{}]: ", facility_ * 8 + severity(level), time_,
                 host_and_tag_, ::getpid());
}

// ---- the daemon ----

SyslogSocket::SyslogSocket(const std::string& address) : name_(address) {
  if (address.starts_with(k_unix)) {
    sockaddr_un peer{};
    peer.sun_family = AF_UNIX;
    path_of(address).copy(peer.sun_path, sizeof peer.sun_path - 1);
    std::memcpy(&peer_, &peer, sizeof peer);
    peer_length_ = sizeof peer;
  } else {
    const HostAndPort place =
        split(std::string_view(address).substr(k_udp.size())).value_or(HostAndPort{});
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found);
    if (error != 0) {
      throw std::system_error(std::make_error_code(std::errc::address_not_available),
                              fmt::format("cannot find {}: {}", address, ::gai_strerror(error)));
    }
    std::memcpy(&peer_, found->ai_addr, found->ai_addrlen);
    peer_length_ = found->ai_addrlen;
    ::freeaddrinfo(found);
  }
  reopen();
}

std::error_code SyslogSocket::reopen() {
  UniqueFd fd(::socket(peer_.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer_), peer_length_) != 0) {
    return {errno, std::system_category()};
  }
  socket_ = std::move(fd);
  return {};
}

std::unique_ptr<LogDestination> SyslogSocket::duplicate() const {
  std::unique_ptr<SyslogSocket> copy(new SyslogSocket);
  copy->name_ = name_;
  copy->peer_ = peer_;
  copy->peer_length_ = peer_length_;
  copy->reopen();
  return copy;
}

std::string_view SyslogSocket::first_piece(std::string_view lines) const {
  return lines.substr(0, lines.find('\n') + 1);
}

ssize_t SyslogSocket::write(std::string_view line) {
  const std::string_view message = line.substr(0, std::min(line.find('\n'), k_longest_message));
  const auto send = [this, message] {
    return ::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0
               ? errno
               : 0;
  };
  int error = send();
  if (is_lost(error) && !reopen()) {
    error = send();
  }
  return error == 0 ? static_cast<ssize_t>(line.size()) : -error;
}

bool SyslogSocket::wait_writable(int timeout_ms) const {
  pollfd entry{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace uringcorn::observe
