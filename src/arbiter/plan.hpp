// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "arbiter/bound_address.hpp"
#include "arbiter/identity.hpp"
#include "reactor/backend.hpp"
#include "settings/settings.hpp"
#include "worker/boot.hpp"

namespace uringcorn::arbiter {

/// What the workers of one generation are started with. Never changed once made; it lives for as
/// long as one of them does, and so do its sockets.
struct Plan {
  unsigned generation = 1;
  settings::Settings settings;
  reactor::BackendKind backend = reactor::BackendKind::io_uring;
  Identity identity;  ///< who its workers are
  // One for each of settings.listeners:
  std::vector<std::shared_ptr<BoundAddress>> sockets;
  std::vector<std::shared_ptr<const net::tls::Material>> tls;  ///< null: it speaks none
  const net::tls::TicketKeys* ticket_keys = nullptr;  ///< the arbiter's; null: none are needed
};

/// The life of a worker, in the child of a fork: worker::run(). Gives the exit code.
using WorkerEntry = std::function<int(const worker::WorkerBoot&)>;

/// Loads the application for the workers that are forked from this process, and gives their life:
/// worker::preload(). Throws worker::BootFailure.
using Preload = std::function<WorkerEntry(const settings::Settings&)>;

}  // namespace uringcorn::arbiter
