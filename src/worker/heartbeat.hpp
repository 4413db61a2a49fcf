// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/time.hpp>

#include "observe/scoreboard.hpp"

namespace uringcorn::worker {

/// Shows once a second that the reactor turns: to the arbiter by the modification time of a file
/// (set from CLOCK_MONOTONIC, so that a change of the wall clock means nothing), to the other
/// workers on the scoreboard.
class Heartbeat final : private detail::Timer {
 public:
  static constexpr auto k_interval = std::chrono::seconds(1);

  /// `fd` is borrowed. Beats at once and from then on, while it lives.
  Heartbeat(int fd, observe::ScoreboardSlot& slot) noexcept;

 private:
  void beat() noexcept;
  void on_timer() noexcept override { beat(); }

  int fd_;
  observe::ScoreboardSlot& slot_;
};

}  // namespace uringcorn::worker
