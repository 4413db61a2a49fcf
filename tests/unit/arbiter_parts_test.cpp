// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "arbiter/backoff.hpp"
#include "arbiter/heartbeat_folder.hpp"
#include "arbiter/oom_events.hpp"
#include "temporary_directory.hpp"

namespace {

using namespace std::chrono_literals;
using uringcorn::TemporaryDirectory;
using uringcorn::UniqueFd;
using uringcorn::arbiter::Backoff;
using uringcorn::arbiter::Clock;
using uringcorn::arbiter::Duration;
using uringcorn::arbiter::HeartbeatFolder;
using uringcorn::arbiter::last_beat;
using uringcorn::arbiter::OomEvents;
using uringcorn::arbiter::RestartBudget;
using uringcorn::arbiter::TimePoint;

TEST_CASE("a place waits twice as long after each worker that dies young, up to a bound") {
  Backoff backoff;
  const TimePoint now = Clock::now();
  CHECK(backoff.not_before() <= now);
  backoff.died(1s, now);
  CHECK(backoff.not_before() == now + 100ms);
  backoff.failed(now);
  CHECK(backoff.not_before() == now + 200ms);
  for (int i = 0; i < 20; ++i) {
    backoff.died(1s, now);
  }
  CHECK(backoff.not_before() == now + Backoff::k_longest);
  backoff.died(Backoff::k_young, now);
  CHECK(backoff.not_before() == now);
  backoff.died(0s, now);
  CHECK(backoff.not_before() == now + 100ms);
}

TEST_CASE("a place has so many restarts within its window, and then waits for the window") {
  RestartBudget budget;
  const TimePoint start = Clock::now();
  const auto die_at = [&](Duration after) { budget.spend(start + after, 2, 10s); };
  CHECK(budget.spent_until() < start);
  die_at(0s);
  die_at(1s);
  CHECK(budget.spent_until() < start);  // The second restart.
  die_at(2s);
  CHECK(budget.spent_until() == start + 10s);
  die_at(10s);  // The first death is out of the window, the other two are in it.
  CHECK(budget.spent_until() == start + 11s);
  die_at(30s);
  CHECK(budget.spent_until() < start);
}

TEST_CASE("without a bound a place is restarted for ever") {
  RestartBudget budget;
  const TimePoint now = Clock::now();
  for (int i = 0; i < 1000; ++i) {
    budget.spend(now, 0, 10s);
  }
  CHECK(budget.spent_until() < now);
}

TEST_CASE("a heartbeat file has no name, beats from the start, and on the monotonic clock") {
  const TemporaryDirectory directory;
  HeartbeatFolder folder(directory.path().string());
  const TimePoint before = Clock::now();
  const UniqueFd file = folder.make_file();
  CHECK(std::filesystem::is_empty(directory.path()));
  CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(last_beat(file.get()) >= before);
  CHECK(last_beat(file.get()) <= Clock::now());
  const timespec times[] = {{1, 0}, {7, 500'000'000}};
  ::futimens(file.get(), times);
  CHECK(last_beat(file.get()) == TimePoint(7500ms));
}

TEST_CASE("where heartbeat files cannot be made, they are made elsewhere") {
  HeartbeatFolder folder("/nonexistent");
  const UniqueFd file = folder.make_file();
  CHECK(last_beat(file.get()) <= Clock::now());
  CHECK(Clock::now() - last_beat(file.get()) < 60s);
}

TEST_CASE("kills for lack of memory are seen once each, by cgroup v2 and v1") {
  for (const bool v2 : {true, false}) {
    const TemporaryDirectory root;
    root.write("proc/self/cgroup", v2 ? "0::/shop\n" : "4:memory:/shop\n0::/\n");
    const std::string file =
        v2 ? "sys/fs/cgroup/shop/memory.events" : "sys/fs/cgroup/memory/shop/memory.oom_control";
    const std::string before = v2 ? "low 0\noom 7\n" : "oom_kill_disable 0\nunder_oom 0\n";
    root.write(file, before + "oom_kill 2\n");
    OomEvents events(root.path());
    CHECK_FALSE(events.happened());
    root.write(file, before + "oom_kill 3\n");
    CHECK(events.happened());
    CHECK_FALSE(events.happened());
  }
}

TEST_CASE("in a container the cgroup is the mount itself") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "0::/host/only/knows\n");
  root.write("sys/fs/cgroup/memory.events", "oom_kill 0\n");
  OomEvents events(root.path());
  root.write("sys/fs/cgroup/memory.events", "oom_kill 1\n");
  CHECK(events.happened());
}

TEST_CASE("where the kernel tells nothing of its kills, none happened") {
  const TemporaryDirectory root;
  OomEvents events(root.path());
  CHECK_FALSE(events.happened());
}

}  // namespace
