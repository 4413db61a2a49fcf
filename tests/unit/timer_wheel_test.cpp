// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "reactor/timer_wheel.hpp"

using namespace uringcorn;
using namespace uringcorn::reactor;
using namespace std::chrono_literals;

namespace {

class Probe final : public detail::Timer {
 public:
  bool fired = false;

 private:
  void on_timer() noexcept override { fired = true; }
};

}  // namespace

TEST_CASE("a timer fires at its deadline, not before") {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  for (const auto delay : {1ms, 63ms, 64ms, 65ms, 4095ms, 4096ms, 262144ms, 100000000ms}) {
    CAPTURE(delay.count());
    TimerWheel fresh(start);
    Probe probe;
    fresh.arm(probe, start + delay);
    fresh.advance(start + delay - 1ms);
    CHECK(!probe.fired);
    CHECK(probe.armed());
    fresh.advance(start + delay);
    CHECK(probe.fired);
    CHECK(!probe.armed());
  }
}

TEST_CASE("a deadline between two ticks is rounded up") {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  Probe probe;
  wheel.arm(probe, start + 1500us);
  wheel.advance(start + 1900us);
  CHECK(!probe.fired);
  wheel.advance(start + 2ms);
  CHECK(probe.fired);
}

TEST_CASE("disarmed and moved timers do not fire at their old place") {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  Probe disarmed;
  Probe moved;
  wheel.arm(disarmed, start + 5ms);
  wheel.arm(moved, start + 5ms);
  disarmed.disarm();
  wheel.arm(moved, start + 500ms);
  wheel.advance(start + 499ms);
  CHECK(!disarmed.fired);
  CHECK(!moved.fired);
  wheel.advance(start + 500ms);
  CHECK(moved.fired);
}

TEST_CASE("until_next is never later than the next deadline, and the limit without one") {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  CHECK(wheel.until_next(start, 1h) == 1h);
  Probe probe;
  wheel.arm(probe, start + 10s);
  Clock::time_point now = start;
  int rounds = 0;
  while (!probe.fired) {
    const auto wait = wheel.until_next(now, 1h);
    REQUIRE(now + wait <= start + 10s);
    now += wait;
    wheel.advance(now);
    REQUIRE(++rounds < 10);
  }
  CHECK(now == start + 10s);
}

TEST_CASE("random timers fire exactly when a sorted list says") {
  std::mt19937 random(12345);
  const Clock::time_point start{};
  TimerWheel wheel(start);
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<Clock::time_point> deadlines;
  Clock::time_point now = start;
  for (int step = 0; step < 3000; step++) {
    const auto span = std::chrono::milliseconds(1 + (random() % (1U << (random() % 24))));
    probes.push_back(std::make_unique<Probe>());
    deadlines.push_back(now + span);
    wheel.arm(*probes.back(), deadlines.back());
    now += std::chrono::milliseconds(random() % 700);
    wheel.advance(now);
    for (std::size_t i = 0; i < probes.size(); i++) {
      REQUIRE(probes[i]->fired == (deadlines[i] <= now));
    }
  }
}
