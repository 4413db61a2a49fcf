// SPDX-License-Identifier: MIT
#include "arbiter/bound_address.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

using Sharing = net::ListenOptions::Sharing;

/// Picks one of `sockets`, by their places in the kernel's group, at random.
std::vector<sock_filter> choice_among(const std::vector<std::uint32_t>& places) {
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(places.size())),
  };
  for (std::uint32_t i = 0; i + 1 < places.size(); ++i) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, places[i]));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, places.back()));
  return program;
}

bool attach(int fd, std::vector<sock_filter>& filters) {
  const sock_fprog program{static_cast<unsigned short>(filters.size()), filters.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}

void detach(int fd) {
  const int unused = 0;
  // Nothing to detach is fine, too.
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused));
}

}  // namespace

BoundAddress::BoundAddress(std::string bind, const net::BindAddress& address,
                           net::ListenOptions options)
    : bind_(std::move(bind)), options_(options) {
  if (!std::holds_alternative<net::TcpAddress>(address)) {
    options_.sharing = Sharing::none;
  }
  sockets_.push_back({std::nullopt, net::Listener(address, options_)});
}

BoundAddress::BoundAddress(std::vector<HandedSocket> handed, net::ListenOptions options)
    : bind_(handed.front().bind), options_(options), chosen_(std::nullopt) {
  options_.sharing = handed.front().number ? Sharing::first : Sharing::none;
  for (HandedSocket& one : handed) {
    sockets_.push_back({one.number, net::Listener(std::move(one.socket), std::move(one.file))});
  }
  set_backlog(options.backlog);
}

bool BoundAddress::is_inherited() const noexcept {
  return std::holds_alternative<net::InheritedSocket>(net::parse_bind(bind_));
}

bool BoundAddress::is_split() const noexcept {
  return options_.sharing != Sharing::none;
}

const net::Listener& BoundAddress::socket_for(unsigned number) {
  if (!is_split()) {
    return sockets_.front().listener;
  }
  for (Socket& socket : sockets_) {
    // The first one was made before there was a worker, and is whose that comes first.
    if (socket.number.value_or(number) == number) {
      socket.number = number;
      return socket.listener;
    }
  }
  net::ListenOptions options = options_;
  options.sharing = Sharing::further;
  sockets_.push_back({number, net::Listener(sockets_.front().listener.tcp_address(), options)});
  return sockets_.back().listener;
}

void BoundAddress::steer(std::span<const unsigned> numbers) noexcept {
  std::vector<std::uint32_t> places;
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    const std::optional<unsigned> number = sockets_[i].number;
    if (number && std::find(numbers.begin(), numbers.end(), *number) != numbers.end()) {
      places.push_back(i);
    }
  }
  if (places.size() == sockets_.size()) {
    places.clear();  // All of them: the kernel's own choice is as good.
  }
  if (!is_split() || chosen_ == places || refuses()) {
    return;
  }
  chosen_ = places;
  const int fd = sockets_.front().listener.fd();
  if (places.empty()) {
    detach(fd);
    return;
  }
  std::vector<sock_filter> program = choice_among(places);
  if (!attach(fd, program)) {
    observe::warning("connections to {} may wait for workers that are gone: {}", name(),
                     std::strerror(errno));
  }
}

void BoundAddress::set_backlog(int backlog) noexcept {
  if (is_inherited() || refuses()) {
    return;
  }
  options_.backlog = backlog;
  for (const Socket& socket : sockets_) {
    // The length of a queue changes by another listen(), and nothing else does.
    static_cast<void>(::listen(socket.listener.fd(), backlog));
  }
}

bool BoundAddress::refuse_connections() noexcept {
  bool may_be_under_way = false;
  if (!is_inherited()) {
    for (Socket& socket : sockets_) {
      may_be_under_way = socket.listener.refuse_connections() || may_be_under_way;
    }
  }
  return may_be_under_way;
}

void BoundAddress::close_given_up() noexcept {
  for (Socket& socket : sockets_) {
    if (socket.listener.refuses_silently()) {
      socket.listener.close();
    }
  }
}

void BoundAddress::keep_in_child(unsigned number) noexcept {
  for (Socket& socket : sockets_) {
    socket.listener.leave_file();
    if (is_split() && socket.number != number) {
      socket.listener.close();
    }
  }
}

void BoundAddress::close_in_child() noexcept {
  for (Socket& socket : sockets_) {
    socket.listener.close();
  }
}

}  // namespace uringcorn::arbiter
