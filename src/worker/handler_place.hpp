// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>

#include <uringcorn/application.hpp>
#include <uringcorn/time.hpp>

#include "coro/thread_pool.hpp"
#include "settings/settings.hpp"
#include "worker/class_choice.hpp"
#include "worker/crash_report.hpp"
#include "worker/pooled_application.hpp"
#include "worker/turn.hpp"

namespace uringcorn::worker {

/// Where a worker runs the handlers, as its class says: on the reactor, on a pool of threads, or
/// one at a time. Everything else about a worker is the same in all classes.
class HandlerPlace {
 public:
  /// `turn_changed(taken)`, of class sync: a request begins while none was handled, or the last one
  /// that waited is done.
  HandlerPlace(ClassKind kind, Application& application, const settings::Settings& settings,
               std::function<void(bool)> turn_changed);
  HandlerPlace(const HandlerPlace&) = delete;
  HandlerPlace& operator=(const HandlerPlace&) = delete;

  /// What the protocols call.
  Application& application() noexcept { return *front_; }
  /// Where offload() called on the reactor runs what it is given.
  coro::ThreadPool& pool() noexcept { return pool_; }
  /// Where background tasks run; null: on the reactor.
  coro::ThreadPool* background_pool() noexcept { return pooled_ ? &pool_ : nullptr; }

  /// When it was last able to begin with a request: `now`, unless all threads (class threads), or
  /// the one request at a time (class sync), have been at their work since some earlier time.
  Clock::time_point last_able(Clock::time_point now) const;

 private:
  const ClassKind kind_;
  coro::ThreadPool pool_;
  Turn turn_;
  PoolInCrashReport report_{pool_};
  std::optional<PooledApplication> pooled_;
  Application* front_;
};

/// The settings as the class has them: one of class sync keeps no connection, and so speaks no
/// HTTP/2, whose connections carry many requests.
settings::Settings settings_for(ClassKind kind, settings::Settings settings);

}  // namespace uringcorn::worker
