// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "arbiter/plan.hpp"
#include "arbiter/start.hpp"
#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// What the arbiter runs and where it looks again when it is told to reload.
struct Program {
  /// worker::run(), in each child.
  WorkerEntry worker;
  /// worker::preload(), for --preload.
  Preload preload = {};
  /// How this process was started. Without it there is no upgrade by USR2.
  Start start = {};
  /// The settings as they are now in the configuration. Throws std::exception with a sentence.
  std::function<settings::Settings()> reread_settings;
};

/// The parent process: listens, starts the workers and looks after them until it is told to stop.
/// Returns the exit code of the process: 0 after a stop that was asked for, 1 when it could not
/// start, 2 for a setting that means nothing, a worker's own code when no worker could be booted.
/// Called once, from the main thread, while there is no other.
int run(const settings::Settings& settings, const Program& program);

}  // namespace uringcorn::arbiter
