// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include <uringcorn/time.hpp>

#include "observe/scoreboard.hpp"

namespace uringcorn::worker {

/// Shows that the worker was able to serve at `able`.
void show_alive(int heartbeat_fd, observe::ScoreboardSlot& slot, Clock::time_point able) noexcept;

/// Shows once a second that the worker is able to serve: to the arbiter by the modification time of
/// a file (set from CLOCK_MONOTONIC, so that a change of the wall clock means nothing), to the
/// other workers on the scoreboard. A reactor that does not turn shows nothing; one that turns, but
/// whose handlers are stuck, shows since when.
class Heartbeat final : private detail::Timer {
 public:
  static constexpr std::chrono::milliseconds k_interval{1000};
  /// So that the arbiter soon learns that it was able again.
  static constexpr std::chrono::milliseconds k_interval_while_stuck{100};

  /// Given the time, gives the last one at which the worker was able to serve.
  using LastAble = std::function<Clock::time_point(Clock::time_point)>;

  /// `fd` is borrowed. Beats at once and from then on, while it lives.
  Heartbeat(int fd, observe::ScoreboardSlot& slot, LastAble last_able);

 private:
  void beat() noexcept;
  void on_timer() noexcept override { beat(); }

  int fd_;
  observe::ScoreboardSlot& slot_;
  LastAble last_able_;
};

}  // namespace uringcorn::worker
