// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <vector>

#include "arbiter/plan.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::arbiter {

/// What makes a new process a certain worker. The descriptors are the process's own.
struct WorkerSeed {
  const Plan& plan;
  unsigned number = 0;
  std::vector<worker::WorkerListener> listeners;
  observe::Scoreboard& scoreboard;
  observe::ScoreboardSlot& place;
  int heartbeat_fd = -1;
  int message_fd = -1;
};

/// What the workers of `plan` accept from, with these descriptors in the order of the addresses.
std::vector<worker::WorkerListener> listeners_of(const Plan& plan, std::span<const int> sockets);

/// In a new child, before anything of the application is there: makes it what the workers
/// of `plan` are to be, apart from each other. Throws std::exception.
void prepare_for(const Plan& plan);

/// In a process that is prepared: the life of the worker, to the end of the process. `entry` is
/// worker::run() or a test's.
[[noreturn]] void live_as_worker(const WorkerSeed& seed, const WorkerEntry& entry);

}  // namespace uringcorn::arbiter
