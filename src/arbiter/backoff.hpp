// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

#include "arbiter/clock.hpp"

namespace uringcorn::arbiter {

/// How long to wait before a slot's next worker. At once after a worker that lived; twice as long
/// each time after one that died young or could not be started at all.
class Backoff {
 public:
  /// A worker that lived for less died young.
  static constexpr Duration k_young = std::chrono::seconds(10);
  static constexpr Duration k_first = std::chrono::milliseconds(100);
  static constexpr Duration k_longest = std::chrono::seconds(10);

  void died(Duration lived, TimePoint now) noexcept {
    if (lived >= k_young) {
      wait_ = Duration::zero();
      not_before_ = now;
    } else {
      failed(now);
    }
  }
  void failed(TimePoint now) noexcept {
    wait_ = wait_ == Duration::zero() ? k_first : std::min(wait_ * 2, k_longest);
    not_before_ = now + wait_;
  }

  TimePoint not_before() const noexcept { return not_before_; }
  /// How long the last failure makes the slot wait.
  Duration wait() const noexcept { return wait_; }

 private:
  Duration wait_ = Duration::zero();
  TimePoint not_before_ = TimePoint::min();
};

/// How often a slot's worker may be restarted: so many times within a window.
class RestartBudget {
 public:
  /// A worker died. `restarts` 0: any number of times.
  void spend(TimePoint now, std::size_t restarts, Duration window) {
    deaths_.push_back(now);
    while (deaths_.size() > restarts + 1 || deaths_.front() + window <= now) {
      deaths_.pop_front();
      if (deaths_.empty()) {
        break;
      }
    }
    const bool is_spent = restarts > 0 && deaths_.size() > restarts;
    spent_until_ = is_spent ? deaths_.front() + window : TimePoint::min();
  }
  /// Until when no further restart is allowed; a time that is past if one is.
  TimePoint spent_until() const noexcept { return spent_until_; }

 private:
  std::deque<TimePoint> deaths_;  ///< the latest, of the window
  TimePoint spent_until_ = TimePoint::min();
};

}  // namespace uringcorn::arbiter
