// SPDX-License-Identifier: MIT
#include "reactor/driver.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace uringcorn::reactor {

Driver::Driver(int completions, int posts)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  const auto watches = [&](int fd) {
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (!epoll_ || !timer_ || !watches(completions) || !watches(posts) || !watches(timer_.get())) {
    throw std::system_error(errno, std::generic_category(), "cannot make a reactor's driver");
  }
}

void Driver::wake_at(Clock::time_point time) noexcept {
  if (time == wake_at_ && time > Clock::now()) {
    return;
  }
  wake_at_ = time;
  itimerspec spec{};  // all zero: never
  if (time != Clock::time_point::max()) {
    using namespace std::chrono;
    const nanoseconds since = std::max<nanoseconds>(time.time_since_epoch(), nanoseconds(1));
    spec.it_value = {duration_cast<seconds>(since).count(), (since % seconds(1)).count()};
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace uringcorn::reactor
