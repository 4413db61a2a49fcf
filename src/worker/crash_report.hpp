// SPDX-License-Identifier: MIT
#pragma once

#include "observe/scoreboard.hpp"

namespace uringcorn::worker {

/// From now on SIGABRT (the arbiter's, for a worker that was silent for too long; or an
/// assertion's) makes the worker write on stderr which requests it is in and where it is, before it
/// dies of the signal. `slot` must outlive the process's use of it.
void report_on_abort(const observe::ScoreboardSlot& slot);

}  // namespace uringcorn::worker
