// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

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

}  // namespace uringcorn::arbiter
