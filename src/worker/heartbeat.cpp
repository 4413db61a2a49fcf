// SPDX-License-Identifier: MIT
#include "worker/heartbeat.hpp"

#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <utility>

namespace uringcorn::worker {

Heartbeat::Heartbeat(int fd, observe::ScoreboardSlot& slot, LastAble last_able)
    : fd_(fd), slot_(slot), last_able_(std::move(last_able)) {
  beat();
}

void Heartbeat::beat() noexcept {
  using namespace std::chrono;
  const auto now = Clock::now();
  const Clock::time_point last_able = last_able_(now);
  const nanoseconds able = last_able.time_since_epoch();
  const timespec time{duration_cast<seconds>(able).count(), (able % seconds(1)).count()};
  const timespec times[] = {time, time};
  ::futimens(fd_, times);
  slot_.beat(static_cast<std::uint64_t>(duration_cast<milliseconds>(able).count()));
  arm(now + (last_able == now ? k_interval : k_interval_while_stuck));
}

}  // namespace uringcorn::worker
