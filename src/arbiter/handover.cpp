// SPDX-License-Identifier: MIT
#include "arbiter/handover.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace uringcorn::arbiter {
namespace {

constexpr const char* k_pid = "URINGCORN_PID";
constexpr const char* k_reactor = "URINGCORN_REACTOR";
constexpr const char* k_sockets = "URINGCORN_FD";
constexpr const char* k_ticket_keys = "URINGCORN_TICKET_KEYS_FD";
constexpr std::string_view k_unix = "unix:";
/// What HandedSocket::number is when there is none.
constexpr long long k_for_all = -1;

std::string taken(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? std::string() : std::string(value);
  ::unsetenv(name);
  return text;
}

/// Reads the value of a variable: numbers with a blank after each, and texts, each after the number
/// that is its length.
class Reader {
 public:
  Reader(const char* variable, std::string_view text) : variable_(variable), rest_(text) {}

  bool at_end() const noexcept { return rest_.empty(); }

  long long number() {
    long long number = 0;
    const char* end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, number);
    if (error != std::errc{} || stop == end || *stop != ' ') {
      refuse();
    }
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()) + 1);
    return number;
  }

  std::string text() {
    const auto length = static_cast<std::size_t>(std::max(0LL, number()));
    if (length > rest_.size()) {
      refuse();
    }
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }

  UniqueFd descriptor() {
    const auto fd = static_cast<int>(number());
    if (fd < 0) {
      return {};
    }
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      refuse();
    }
    return UniqueFd(fd);
  }

 private:
  [[noreturn]] void refuse() const {
    throw std::runtime_error(fmt::format(
        "the variable {} in the environment is not from a running uringcorn: unset it", variable_));
  }

  const char* variable_;
  std::string_view rest_;
};

HandedSocket read_socket(Reader& reader) {
  HandedSocket socket;
  const long long number = reader.number();
  if (number != k_for_all) {
    socket.number = static_cast<unsigned>(number);
  }
  socket.socket = reader.descriptor();
  socket.file.share_reader = reader.descriptor();
  socket.file.share_writer = reader.descriptor();
  socket.file.device = static_cast<dev_t>(reader.number());
  socket.file.inode = static_cast<ino_t>(reader.number());
  socket.bind = reader.text();
  if (socket.bind.starts_with(k_unix)) {
    socket.file.path = socket.bind.substr(k_unix.size());
  }
  return socket;
}

bool is_by_descriptor(const BoundAddress& address) {
  return address.bind().starts_with("fd://");
}

}  // namespace

std::optional<Handover> take_handover() {
  const std::string pid = taken(k_pid);
  const std::string reactor = taken(k_reactor);
  const std::string sockets = taken(k_sockets);
  const std::string ticket_keys = taken(k_ticket_keys);
  if (pid.empty()) {
    return std::nullopt;
  }
  Handover handover;
  Reader reader(k_sockets, sockets);
  while (!reader.at_end()) {
    handover.sockets.push_back(read_socket(reader));
  }
  if (!ticket_keys.empty()) {
    handover.ticket_keys = Reader(k_ticket_keys, ticket_keys).descriptor();
  }
  std::from_chars(pid.data(), pid.data() + pid.size(), handover.predecessor);
  handover.backend =
      reactor == "epoll" ? reactor::BackendKind::epoll : reactor::BackendKind::io_uring;
  return handover;
}

std::vector<std::string> handover_variables(pid_t predecessor, const Estate& estate) {
  std::string list;
  for (const std::shared_ptr<BoundAddress>& address : estate.sockets) {
    if (is_by_descriptor(*address)) {
      continue;  // The successor finds it where this process did.
    }
    for (const BoundAddress::Socket& socket : address->sockets()) {
      const net::SocketFile& file = socket.listener.file();
      const bool is_split = address->is_split();
      fmt::format_to(std::back_inserter(list), "{} {} {} {} {} {} {} {}",
                     is_split ? static_cast<long long>(socket.number.value_or(0)) : k_for_all,
                     socket.listener.fd(), file.share_reader.get(), file.share_writer.get(),
                     file.device, file.inode, address->bind().size(), address->bind());
    }
  }
  const bool is_epoll = estate.backend == reactor::BackendKind::epoll;
  std::vector<std::string> variables{
      fmt::format("{}={}", k_pid, predecessor),
      fmt::format("{}={}", k_reactor, is_epoll ? "epoll" : "io_uring"),
      fmt::format("{}={}", k_sockets, list),
  };
  if (estate.ticket_keys >= 0) {
    variables.push_back(fmt::format("{}={} ", k_ticket_keys, estate.ticket_keys));
  }
  return variables;
}

bool is_handover_variable(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  return name == k_pid || name == k_reactor || name == k_sockets || name == k_ticket_keys;
}

void keep_descriptors(const Estate& estate) noexcept {
  const auto keep = [](int fd) {
    if (fd >= 0) {
      ::fcntl(fd, F_SETFD, 0);
    }
  };
  keep(estate.ticket_keys);
  for (const std::shared_ptr<BoundAddress>& address : estate.sockets) {
    if (is_by_descriptor(*address)) {
      const std::string_view number = std::string_view(address->bind()).substr(5);
      int fd = -1;
      std::from_chars(number.data(), number.data() + number.size(), fd);
      keep(fd);
      continue;
    }
    for (const BoundAddress::Socket& socket : address->sockets()) {
      keep(socket.listener.fd());
      keep(socket.listener.file().share_reader.get());
      keep(socket.listener.file().share_writer.get());
    }
  }
}

}  // namespace uringcorn::arbiter
