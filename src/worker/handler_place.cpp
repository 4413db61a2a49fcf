// SPDX-License-Identifier: MIT
#include "worker/handler_place.hpp"

#include <utility>

namespace uringcorn::worker {

HandlerPlace::HandlerPlace(ClassKind kind, Application& application,
                           const settings::Settings& settings,
                           std::function<void(bool)> turn_changed)
    : kind_(kind),
      pool_(kind == ClassKind::sync ? 1U : static_cast<unsigned>(settings.threads),
            settings.thread_queue),
      turn_(std::move(turn_changed)),
      front_(&application) {
  if (kind != ClassKind::async) {
    pooled_.emplace(application, pool_, kind == ClassKind::sync ? &turn_ : nullptr);
    front_ = &*pooled_;
  }
}

Clock::time_point HandlerPlace::last_able(Clock::time_point now) const {
  switch (kind_) {
    case ClassKind::threads:
      return pool_.last_free(now);
    case ClassKind::sync:
      return turn_.last_free(now);
    default:
      return now;
  }
}

settings::Settings settings_for(ClassKind kind, settings::Settings settings) {
  if (kind == ClassKind::sync) {
    settings.keep_alive = std::chrono::milliseconds(0);
    settings.http_protocols = settings::HttpProtocols::h1;
  }
  return settings;
}

}  // namespace uringcorn::worker
