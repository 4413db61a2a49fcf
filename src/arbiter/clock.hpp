// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace uringcorn::arbiter {

/// CLOCK_MONOTONIC: the arbiter's and the heartbeat files' one clock. Changes of the wall clock
/// mean nothing to it.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

}  // namespace uringcorn::arbiter
