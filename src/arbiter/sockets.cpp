// SPDX-License-Identifier: MIT
#include "arbiter/sockets.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "net/address.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

std::shared_ptr<BoundAddress> listen_at(const std::string& bind, const net::BindAddress& address,
                                        const net::ListenOptions& options,
                                        const Sockets::Wait& wait) {
  for (int tries = 0;; ++tries) {
    try {
      return std::make_shared<BoundAddress>(bind, address, options);
    } catch (const net::ListenError& error) {
      if (!wait || !error.may_pass() || tries == Sockets::k_retries) {
        throw;
      }
      observe::warning("{}; trying again ({} of {})", error.what(), tries + 1, Sockets::k_retries);
      if (!wait(Sockets::k_retry_pause)) {
        throw;
      }
    }
  }
}

net::ListenOptions options_of(const settings::Settings& settings, const Identity& identity,
                              reactor::BackendKind backend) {
  net::ListenOptions options;
  options.backlog = settings.backlog;
  // An accept of io_uring on a socket that does not block would fail instead of waiting.
  options.blocking = backend == reactor::BackendKind::io_uring;
  if (settings.reuse_port) {
    options.sharing = net::ListenOptions::Sharing::first;
  }
  if (settings.umask >= 0) {
    options.file.mask = static_cast<mode_t>(settings.umask);
  }
  if (identity.changes) {
    options.file.uid = identity.uid;
    options.file.gid = identity.gid;
  }
  return options;
}

bool has(const Plan& plan, const std::shared_ptr<BoundAddress>& address) noexcept {
  return std::find(plan.sockets.begin(), plan.sockets.end(), address) != plan.sockets.end();
}

}  // namespace

std::vector<std::shared_ptr<BoundAddress>> Sockets::listen(const settings::Settings& settings,
                                                           const Identity& identity,
                                                           reactor::BackendKind backend,
                                                           const Wait& wait) {
  // An address that means nothing is told before the first socket is made.
  std::vector<net::BindAddress> addresses;
  for (const settings::ListenerSettings& listener : settings.listeners) {
    addresses.push_back(net::parse_bind(listener.bind));
  }
  const net::ListenOptions options = options_of(settings, identity, backend);
  std::vector<std::shared_ptr<BoundAddress>> sockets;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string& bind = settings.listeners[i].bind;
    std::vector<HandedSocket> handed = handed_for(bind);
    if (std::shared_ptr<BoundAddress> bound = find(bind)) {
      sockets.push_back(std::move(bound));
    } else if (!handed.empty()) {
      sockets.push_back(std::make_shared<BoundAddress>(std::move(handed), options));
    } else {
      sockets.push_back(listen_at(bind, addresses[i], options, wait));
    }
  }
  handed_.clear();
  std::erase_if(known_, [](const auto& known) { return known.expired(); });
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if (find(sockets[i]->bind()) != sockets[i]) {
      known_.emplace_back(sockets[i]);
      observe::info("Listening at: {} ({})", sockets[i]->name(settings.listeners[i].is_tls),
                    ::getpid());
    }
  }
  return sockets;
}

std::shared_ptr<BoundAddress> Sockets::find(const std::string& bind) const {
  for (const std::weak_ptr<BoundAddress>& known : known_) {
    if (std::shared_ptr<BoundAddress> socket = known.lock();
        socket && socket->bind() == bind && !socket->refuses()) {
      return socket;
    }
  }
  return nullptr;
}

std::vector<HandedSocket> Sockets::handed_for(const std::string& bind) {
  std::vector<HandedSocket> found;
  for (HandedSocket& one : handed_) {
    if (one.bind == bind) {
      found.push_back(std::move(one));
    }
  }
  std::erase_if(handed_, [](const HandedSocket& one) { return !one.socket; });
  return found;
}

void Sockets::steer(std::span<const unsigned> numbers) const noexcept {
  for (const std::shared_ptr<BoundAddress>& socket : all()) {
    socket->steer(numbers);
  }
}

std::vector<std::shared_ptr<BoundAddress>> Sockets::all() const {
  std::vector<std::shared_ptr<BoundAddress>> sockets;
  for (const std::weak_ptr<BoundAddress>& known : known_) {
    if (std::shared_ptr<BoundAddress> socket = known.lock()) {
      sockets.push_back(std::move(socket));
    }
  }
  return sockets;
}

void Sockets::set_backlog(int backlog) noexcept {
  for (const std::shared_ptr<BoundAddress>& socket : all()) {
    socket->set_backlog(backlog);
  }
}

bool Sockets::refuse_connections() noexcept {
  bool may_be_under_way = false;
  for (const std::shared_ptr<BoundAddress>& socket : all()) {
    may_be_under_way = socket->refuse_connections() || may_be_under_way;
  }
  return may_be_under_way;
}

void Sockets::close_given_up() noexcept {
  for (const std::shared_ptr<BoundAddress>& socket : all()) {
    socket->close_given_up();
  }
}

void Sockets::close_in_child(const Plan& plan, unsigned number) noexcept {
  for (const std::shared_ptr<BoundAddress>& socket : all()) {
    if (has(plan, socket)) {
      socket->keep_in_child(number);
    } else {
      socket->close_in_child();
    }
  }
}

bool give_up_addresses(const Plan& old, const Plan& next) noexcept {
  bool may_be_under_way = false;
  for (const std::shared_ptr<BoundAddress>& socket : old.sockets) {
    if (!has(next, socket)) {
      may_be_under_way = socket->refuse_connections() || may_be_under_way;
    }
  }
  return may_be_under_way;
}

void close_given_up(const Plan& old, const Plan& next) noexcept {
  for (const std::shared_ptr<BoundAddress>& socket : old.sockets) {
    // At a stop all refuse connections, also those that the next plan's workers still accept from.
    if (!has(next, socket)) {
      socket->close_given_up();
    }
  }
}

}  // namespace uringcorn::arbiter
