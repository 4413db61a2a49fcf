// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <stdexcept>

#include <uringcorn/background.hpp>
#include <uringcorn/time.hpp>

#include "app/background.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn;
using namespace std::chrono_literals;

namespace {

Task<void> set_after(Clock::duration time, bool& done) {
  co_await sleep_for(time);
  done = true;
}

Task<void> fail_after(Clock::duration time) {
  co_await sleep_for(time);
  throw std::runtime_error("the queue is gone");
}

Task<void> wait_for_end(bool& ended) {
  try {
    co_await sleep_for(1h);
  } catch (const Cancelled&) {
    ended = true;
    throw;
  }
}

/// What a worker does for spawn(): a group that is cancelled and joined at the end.
template <class Body>
void in_worker(Body body) {
  reactor::Reactor reactor({.backend = reactor::BackendKind::epoll});
  CancelScope scope;
  reactor.run(
      [](CancelScope& outer, Body& inner) -> Task<void> {
        TaskGroup group(outer);
        app::set_background_tasks(&group);
        co_await inner();
        app::set_background_tasks(nullptr);
        group.cancel();
        co_await group.join();
      }(scope, body),
      scope);
}

}  // namespace

TEST_CASE("a background task runs beside the others, and is cancelled at the end") {
  bool done = false;
  bool ended = false;
  in_worker([&]() -> Task<void> {
    spawn(set_after(1ms, done));
    spawn(wait_for_end(ended));
    while (!done) {
      co_await sleep_for(1ms);
    }
    CHECK_FALSE(ended);
  });
  CHECK(done);
  CHECK(ended);
}

TEST_CASE("a background task that fails is logged and harms no other") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "error.log";
  observe::open_error_log({.file = file.string(), .level = LogLevel::info});
  bool done = false;
  in_worker([&]() -> Task<void> {
    spawn(fail_after(1ms));
    spawn(set_after(20ms, done));
    while (!done) {
      co_await sleep_for(1ms);
    }
  });
  observe::open_error_log({.file = "-", .level = LogLevel::info});
  CHECK(done);
  CHECK(text_of(file).find("[ERROR] a background task failed: the queue is gone\n") !=
        std::string::npos);
}

TEST_CASE("spawn outside of a worker is refused") {
  bool done = false;
  CHECK_THROWS_AS(spawn(set_after(1ms, done)), std::logic_error);
}
