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
  const Clock::time_point now = Clock::now();
  const Clock::time_point able = last_able_(now);
  show_alive(fd_, slot_, able);
  arm(now + (able == now ? k_interval : k_interval_while_stuck));
}

void show_alive(int heartbeat_fd, observe::ScoreboardSlot& slot, Clock::time_point able) noexcept {
  using namespace std::chrono;
  const nanoseconds since = able.time_since_epoch();
  const timespec time{duration_cast<seconds>(since).count(), (since % seconds(1)).count()};
  const timespec times[] = {time, time};
  ::futimens(heartbeat_fd, times);
  slot.beat(static_cast<std::uint64_t>(duration_cast<milliseconds>(since).count()));
}

}  // namespace uringcorn::worker
