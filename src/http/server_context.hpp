// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include <uringcorn/application.hpp>

#include "reactor/event.hpp"
#include "settings/settings.hpp"

namespace uringcorn::observe {
class AccessLog;
class ScoreboardSlot;
}  // namespace uringcorn::observe

namespace uringcorn::http {

namespace h1 {
class WorkerState;
}  // namespace h1
namespace h2 {
class WorkerState;
}  // namespace h2

/// What all connections of one worker share. It outlives them.
struct ServerContext {
  Application& application;
  const settings::Settings& settings;
  observe::AccessLog* access_log = nullptr;       ///< null: no access log
  observe::ScoreboardSlot* scoreboard = nullptr;  ///< null: nobody counts (tests)
  /// Set when the worker leaves: answers say "Connection: close", nothing new is begun.
  reactor::Event drain = {};
  std::uint64_t requests_served = 0;
  /// When so many requests have been served, the event happens.
  std::uint64_t requests_limit = UINT64_MAX;
  reactor::Event requests_limit_reached = {};
  /// What HTTP/1 keeps for its connections; it makes that itself.
  std::shared_ptr<h1::WorkerState> h1 = {};
  /// The same for HTTP/2.
  std::shared_ptr<h2::WorkerState> h2 = {};

  bool draining() const noexcept { return drain.is_set(); }
};

}  // namespace uringcorn::http
