// SPDX-License-Identifier: MIT
#include "arbiter/sockets.hpp"

#include <unistd.h>

#include <algorithm>

#include "net/address.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

SharedListener listen_at(const net::BindAddress& address, const net::ListenOptions& options,
                         const Sockets::Wait& wait) {
  for (int tries = 0;; ++tries) {
    try {
      return std::make_shared<net::Listener>(address, options);
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

}  // namespace

std::vector<SharedListener> Sockets::listen(const settings::Settings& settings,
                                            reactor::BackendKind backend, const Wait& wait) {
  // An address that means nothing is told before the first socket is made.
  std::vector<net::BindAddress> addresses;
  for (const settings::ListenerSettings& listener : settings.listeners) {
    addresses.push_back(net::parse_bind(listener.bind));
  }
  // An accept of io_uring on a socket that does not block would fail instead of waiting.
  const net::ListenOptions options{.backlog = settings.backlog,
                                   .blocking = backend == reactor::BackendKind::io_uring};
  std::vector<SharedListener> sockets;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    SharedListener socket = find(settings.listeners[i].bind);
    sockets.push_back(socket ? std::move(socket) : listen_at(addresses[i], options, wait));
  }
  std::erase_if(known_, [](const auto& known) { return known.second.expired(); });
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if (!find(settings.listeners[i].bind)) {
      known_.emplace_back(settings.listeners[i].bind, sockets[i]);
      observe::info("Listening at: {} ({})",
                    settings.listeners[i].is_tls ? sockets[i]->name_with_tls() : sockets[i]->name(),
                    ::getpid());
    }
  }
  return sockets;
}

SharedListener Sockets::find(const std::string& bind) const {
  for (const auto& [name, socket] : known_) {
    if (name == bind && !socket.expired()) {
      return socket.lock();
    }
  }
  return nullptr;
}

void Sockets::close_in_child(const Plan& plan) noexcept {
  for (const auto& [name, known] : known_) {
    const SharedListener socket = known.lock();
    if (socket &&
        std::find(plan.sockets.begin(), plan.sockets.end(), socket) == plan.sockets.end()) {
      socket->close();
    }
  }
}

}  // namespace uringcorn::arbiter
