// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <thread>
#include <utility>

#include "coro/thread_pool.hpp"

using namespace uringcorn;
using namespace uringcorn::coro;
using namespace std::chrono_literals;

namespace {

class Call final : public Job {
 public:
  explicit Call(std::function<void()> function) : function_(std::move(function)) {}

 private:
  void run() noexcept override { function_(); }
  std::function<void()> function_;
};

template <class Condition>
void wait_until(Condition condition) {
  const auto give_up = Clock::now() + 30s;
  while (!condition()) {
    REQUIRE(Clock::now() < give_up);
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

TEST_CASE(
    "a pool refuses new jobs when its threads are busy and enough wait, but none that go on") {
  std::latch begun(2);
  std::latch release(1);
  std::atomic<int> done = 0;
  const auto block = [&] {
    begun.count_down();
    release.wait();
    done++;
  };
  Call first(block);
  Call second(block);
  Call waiting([&] { done++; });
  Call refused([&] { done++; });
  Call going_on([&] { done++; });
  ThreadPool pool(2, 1);
  CHECK(pool.try_submit(first));
  CHECK(pool.try_submit(second));
  begun.wait();
  CHECK(pool.try_submit(waiting));
  CHECK_FALSE(pool.try_submit(refused));
  pool.submit(going_on);
  release.count_down();
  wait_until([&] { return done == 4; });
  CHECK(pool.try_submit(refused));
  wait_until([&] { return done == 5; });
}

TEST_CASE("a job that waits can be taken back, one that has begun or goes on cannot") {
  std::latch begun(1);
  std::latch release(1);
  std::atomic<int> done = 0;
  Call blocking([&] {
    begun.count_down();
    release.wait();
    done++;
  });
  Call waiting([&] { done++; });
  Call going_on([&] { done++; });
  ThreadPool pool(1, 8);
  REQUIRE(pool.try_submit(blocking));
  begun.wait();
  REQUIRE(pool.try_submit(waiting));
  pool.submit(going_on);
  CHECK_FALSE(pool.withdraw(blocking));
  CHECK(pool.withdraw(waiting));
  CHECK_FALSE(pool.withdraw(waiting));
  CHECK_FALSE(pool.withdraw(going_on));
  release.count_down();
  wait_until([&] { return done == 2; });
}

TEST_CASE("what goes on comes before what is new") {
  std::latch begun(1);
  std::latch release(1);
  std::atomic<int> order = 0;
  std::atomic<int> new_was = 0;
  std::atomic<int> old_was = 0;
  Call blocking([&] {
    begun.count_down();
    release.wait();
  });
  Call fresh([&] { new_was = ++order; });
  Call going_on([&] { old_was = ++order; });
  ThreadPool pool(1, 8);
  REQUIRE(pool.try_submit(blocking));
  begun.wait();
  REQUIRE(pool.try_submit(fresh));
  pool.submit(going_on);
  release.count_down();
  wait_until([&] { return order == 2; });
  CHECK(old_was == 1);
  CHECK(new_was == 2);
}

TEST_CASE("a pool knows since when none of its threads was free") {
  std::latch first_begun(1);
  std::latch second_begun(1);
  std::latch release(1);
  Call first([&] {
    first_begun.count_down();
    release.wait();
  });
  Call second([&] {
    second_begun.count_down();
    release.wait();
  });
  ThreadPool pool(2, 8);
  const auto later = Clock::now() + 1h;
  CHECK(pool.last_free(later) == later);
  REQUIRE(pool.try_submit(first));
  first_begun.wait();
  CHECK(pool.last_free(later) == later);
  const auto before_second = Clock::now();
  REQUIRE(pool.try_submit(second));
  second_begun.wait();
  CHECK(pool.last_free(later) >= before_second);
  CHECK(pool.last_free(later) <= Clock::now());
  release.count_down();
  wait_until([&] { return pool.last_free(later) == later; });
}
