// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

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

bool try_begin(ThreadPool& pool, Job& job) {
  const bool is_admitted = pool.try_submit(job);
  pool.wake();
  return is_admitted;
}

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
  CHECK(try_begin(pool, first));
  CHECK(try_begin(pool, second));
  begun.wait();
  CHECK(try_begin(pool, waiting));
  CHECK_FALSE(try_begin(pool, refused));
  pool.submit(going_on);
  release.count_down();
  wait_until([&] { return done == 4; });
  CHECK(try_begin(pool, refused));
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
  REQUIRE(try_begin(pool, blocking));
  begun.wait();
  REQUIRE(try_begin(pool, waiting));
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
  REQUIRE(try_begin(pool, blocking));
  begun.wait();
  REQUIRE(try_begin(pool, fresh));
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
  REQUIRE(try_begin(pool, first));
  first_begun.wait();
  CHECK(pool.last_free(later) == later);
  const auto before_second = Clock::now();
  REQUIRE(try_begin(pool, second));
  second_begun.wait();
  CHECK(pool.last_free(later) >= before_second);
  CHECK(pool.last_free(later) <= Clock::now());
  release.count_down();
  wait_until([&] { return pool.last_free(later) == later; });
}

TEST_CASE("one wake() is enough for all that was submitted, and for as many threads as it takes") {
  constexpr int k_threads = 4;
  ThreadPool pool(k_threads, 1000);
  for (int round = 0; round < 200; ++round) {
    // All of them at a time, or none gets on: each waits for the others.
    std::latch all_begun(k_threads);
    std::atomic<int> done = 0;
    std::deque<Call> calls;
    for (int i = 0; i < k_threads; ++i) {
      REQUIRE(pool.try_submit(calls.emplace_back([&] {
        all_begun.arrive_and_wait();
        done++;
      })));
    }
    pool.wake();
    for (int i = 0; i < 50; ++i) {
      REQUIRE(pool.try_submit(calls.emplace_back([&] { done++; })));
    }
    pool.wake();
    wait_until([&] { return done == k_threads + 50; });
  }
}

TEST_CASE("jobs from several threads are all done") {
  constexpr int k_submitters = 3;
  constexpr int k_jobs = 2000;
  std::atomic<int> done = 0;
  std::deque<Call> calls[k_submitters];
  ThreadPool pool(3, k_submitters * k_jobs);
  std::vector<std::thread> submitters;
  for (auto& own : calls) {
    submitters.emplace_back([&pool, &own, &done] {
      for (int i = 0; i < k_jobs; ++i) {
        pool.submit(own.emplace_back([&done] { done++; }));
        if (i % 7 == 0) {
          pool.wake();
        }
      }
      pool.wake();
    });
  }
  for (std::thread& submitter : submitters) {
    submitter.join();
  }
  wait_until([&] { return done == k_submitters * k_jobs; });
}
