// SPDX-License-Identifier: MIT
#include "worker/heartbeat.hpp"

#include <sys/stat.h>

#include <ctime>

namespace uringcorn::worker {

Heartbeat::Heartbeat(int fd, observe::ScoreboardSlot& slot) noexcept : fd_(fd), slot_(slot) {
  beat();
}

void Heartbeat::beat() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const timespec times[] = {now, now};
  ::futimens(fd_, times);
  slot_.beat(observe::monotonic_ms());
  arm(Clock::now() + k_interval);
}

}  // namespace uringcorn::worker
