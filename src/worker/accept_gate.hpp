// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "observe/scoreboard.hpp"

namespace uringcorn::worker {

/// Keeps the workers that share a listening socket even. The kernel hands connections to waiting
/// workers in turn, but a burst goes to whoever comes back for more the fastest; so a worker that
/// has clearly more connections than the one with the fewest lets the others go first, for a
/// moment. Workers whose heartbeat is stale (stopped, stuck) do not count.
class AcceptGate {
 public:
  /// How many connections more than the least loaded worker is no reason to step back.
  static constexpr std::uint32_t k_slack = 2;
  /// A worker that has not beaten for so long takes no connections at the moment.
  static constexpr std::uint64_t k_fresh_heartbeat_ms = 2'500;

  AcceptGate(const observe::Scoreboard& scoreboard, const observe::ScoreboardSlot& own) noexcept
      : scoreboard_(scoreboard), own_(own) {}

  /// Whether this worker should wait a moment before its next accept.
  bool step_back() const noexcept {
    const std::uint32_t fewest =
        scoreboard_.fewest_connections(observe::monotonic_ms(), k_fresh_heartbeat_ms);
    return fewest != observe::Scoreboard::k_nobody && own_.connections() > fewest + k_slack;
  }

 private:
  const observe::Scoreboard& scoreboard_;
  const observe::ScoreboardSlot& own_;
};

}  // namespace uringcorn::worker
