// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>

#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "reactor/across.hpp"
#include "reactor/event.hpp"

using namespace uringcorn;
using namespace uringcorn::reactor;
using namespace std::chrono_literals;

namespace {

/// A reactor of each backend, and a pool of three threads.
template <class Body>
void on_each(Body body, unsigned threads = 3, std::size_t waiting_max = 100'000) {
  for (const BackendKind backend : {BackendKind::io_uring, BackendKind::epoll}) {
    CAPTURE(static_cast<int>(backend));
    coro::ThreadPool pool(threads, waiting_max);
    Reactor reactor({.backend = backend, .queue_entries = 64, .buffer_count = 16});
    body(reactor, pool);
  }
}

template <class Make>
auto on_pool(coro::ThreadPool& pool, Make make) {
  using Made = decltype(make());
  return [&]<class T>(Task<T>*) {
    return run_on_pool<T>(pool, Admission::bounded, std::move(make));
  }(static_cast<Made*>(nullptr));
}

Task<std::thread::id> thread_now() {
  co_return std::this_thread::get_id();
}

/// Written on the reactor's thread only: a data race if a strand ever did it itself.
Task<int> add_on_reactor(int& sum, int number) {
  sum += number;
  co_await sleep_for(1ms);
  sum += number;
  co_return sum;
}

Task<int> busy_handler(int& sum, Event& event) {
  co_await sleep_for(1ms);
  const int after_first = co_await run_on_reactor(add_on_reactor(sum, 1));
  const auto [a, b] = co_await when_all(run_on_reactor(add_on_reactor(sum, 1)),
                                        run_on_reactor(add_on_reactor(sum, 1)));
  co_await run_on_reactor([](Event& to_set) -> Task<void> {
    to_set.set();
    co_return;
  }(event));
  co_return after_first > 0 && a > 0 && b > 0 ? 1 : 0;
}

}  // namespace

TEST_CASE("a task runs on a thread of the pool and its value comes back") {
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    const std::thread::id there = reactor.run(on_pool(pool, thread_now));
    CHECK(there != std::this_thread::get_id());
    const std::thread::id back = reactor.run(
        on_pool(pool, []() -> Task<std::thread::id> { return run_on_reactor(thread_now()); }));
    CHECK(back == std::this_thread::get_id());
  });
}

TEST_CASE("exceptions come back from both sides of a crossing") {
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    const auto fail = []() -> Task<int> {
      throw std::runtime_error("no such thing");
      co_return 1;
    };
    CHECK_THROWS_WITH_AS(reactor.run(on_pool(pool, fail)), "no such thing", std::runtime_error);
    const auto fail_there = [&]() -> Task<int> { return run_on_reactor(fail()); };
    CHECK_THROWS_WITH_AS(reactor.run(on_pool(pool, fail_there)), "no such thing",
                         std::runtime_error);
    const auto fail_to_make = []() -> Task<int> { throw std::runtime_error("not even a task"); };
    CHECK_THROWS_WITH_AS(reactor.run(on_pool(pool, fail_to_make)), "not even a task",
                         std::runtime_error);
  });
}

TEST_CASE("sleeps and deadlines work on a strand, and hold no thread") {
  on_each(
      [](Reactor& reactor, coro::ThreadPool& pool) {
        const auto nap = []() -> Task<int> {
          co_await sleep_for(100ms);
          co_return 1;
        };
        const auto begin = Clock::now();
        const auto both = [](coro::ThreadPool& threads, auto make) -> Task<int> {
          const auto [a, b] = co_await when_all(on_pool(threads, make), on_pool(threads, make));
          co_return a + b;
        };
        CHECK(reactor.run(both(pool, nap)) == 2);
        CHECK(Clock::now() - begin >= 100ms);
        const auto too_long = []() -> Task<int> {
          try {
            co_await with_timeout(5ms, []() -> Task<void> { co_await sleep_for(1h); }());
          } catch (const DeadlineExceeded&) {
            co_return 7;
          }
          co_return 0;
        };
        CHECK(reactor.run(on_pool(pool, too_long)) == 7);
      },
      1);
}

TEST_CASE("the timers of a strand fire in their order, whatever order they were set in") {
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    const auto run = []() -> Task<std::string> {
      std::string order;
      const auto after = [&order](Clock::duration time, char letter) -> Task<void> {
        co_await sleep_for(time);
        order += letter;
      };
      co_await when_all(after(40ms, 'c'), after(2ms, 'a'), after(60ms, 'd'), after(20ms, 'b'));
      co_return order;
    };
    CHECK(reactor.run(on_pool(pool, run)) == "abcd");
  });
}

TEST_CASE("a cancellation on the reactor ends the waits of a strand") {
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    std::atomic<bool> unwound = false;
    Event begun;
    const auto wait_long = [&]() -> Task<int> {
      co_await run_on_reactor([](Event& event) -> Task<void> {
        event.set();
        co_return;
      }(begun));
      try {
        co_await sleep_for(1h);
      } catch (const Cancelled&) {
        unwound = true;
        throw;
      }
      co_return 1;
    };
    const auto run = [&]() -> Task<void> {
      CancelScope& outer = co_await current_scope();
      CancelScope scope(outer);
      RunningTask<int> running(on_pool(pool, wait_long), scope);
      co_await begun.wait();
      scope.cancel();
      CHECK_THROWS_AS(co_await running.join(), Cancelled);
    };
    reactor.run(run());
    CHECK(unwound);
  });
}

TEST_CASE("the cancellation of a strand's own scope ends what it waits for on the reactor") {
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    for (int i = 0; i < 50; ++i) {
      // The one that is cancelled may have ended by itself: both are fine, neither may be lost.
      const auto race = [i]() -> Task<std::size_t> {
        auto slow = run_on_reactor([](int time) -> Task<void> {
          co_await sleep_for(std::chrono::microseconds(time));
        }(i * 100));
        auto quick = []() -> Task<void> { co_await sleep_for(1ms); }();
        const auto winner = co_await first_of(std::move(slow), std::move(quick));
        co_return winner.index();
      };
      CHECK(reactor.run(on_pool(pool, race)) <= 1);
    }
  });
}

TEST_CASE("a strand that waits for a thread is cancelled without ever running") {
  on_each(
      [](Reactor& reactor, coro::ThreadPool& pool) {
        std::latch release(1);
        std::atomic<bool> ran = false;
        const auto run = [&]() -> Task<void> {
          CancelScope& outer = co_await current_scope();
          CancelScope scope(outer);
          RunningTask<int> blocking(on_pool(pool,
                                            [&]() -> Task<int> {
                                              release.wait();
                                              co_return 1;
                                            }),
                                    outer);
          RunningTask<int> waiting(on_pool(pool,
                                           [&]() -> Task<int> {
                                             ran = true;
                                             co_return 1;
                                           }),
                                   scope);
          scope.cancel();
          CHECK_THROWS_AS(co_await waiting.join(), Cancelled);
          release.count_down();
          CHECK(co_await blocking.join() == 1);
        };
        reactor.run(run());
        CHECK_FALSE(ran);
      },
      1);
}

TEST_CASE("work beyond the bound of the pool is refused at once") {
  on_each(
      [](Reactor& reactor, coro::ThreadPool& pool) {
        std::latch release(1);
        std::latch begun(1);
        const auto run = [&]() -> Task<void> {
          CancelScope& outer = co_await current_scope();
          RunningTask<int> blocking(on_pool(pool,
                                            [&]() -> Task<int> {
                                              begun.count_down();
                                              release.wait();
                                              co_return 1;
                                            }),
                                    outer);
          begun.wait();
          CHECK_THROWS_AS(co_await on_pool(pool, thread_now), PoolIsFull);
          release.count_down();
          CHECK(co_await blocking.join() == 1);
        };
        reactor.run(run());
      },
      1, 0);
}

TEST_CASE("thousands of strands at a time, each with sleeps and calls of the reactor") {
  static constexpr int k_strands = 3000;
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    int sum = 0;
    int finished = 0;
    Event event;
    const auto run = [&]() -> Task<void> {
      CancelScope& scope = co_await current_scope();
      TaskGroup group(scope);
      const auto one = [&]() -> Task<void> {
        const int result = co_await on_pool(pool, [&] { return busy_handler(sum, event); });
        finished += result;
      };
      for (int i = 0; i < k_strands; ++i) {
        group.spawn(one());
      }
      co_await group.join();
    };
    reactor.run(run());
    CHECK(finished == k_strands);
    CHECK(sum == 6 * k_strands);
    CHECK(event.is_set());
  });
}

TEST_CASE("a stop token on a strand tells a function that blocks of the cancellation") {
  on_each([](Reactor& reactor, coro::ThreadPool& pool) {
    std::latch begun(1);
    const auto run = [&]() -> Task<void> {
      CancelScope& outer = co_await current_scope();
      CancelScope scope(outer);
      RunningTask<int> blocking(on_pool(pool,
                                        [&]() -> Task<int> {
                                          const std::stop_token stop =
                                              Crossing::current()->stop_token();
                                          begun.count_down();
                                          while (!stop.stop_requested()) {
                                            std::this_thread::yield();
                                          }
                                          co_return 9;
                                        }),
                                scope);
      begun.wait();
      scope.cancel();
      CHECK(co_await blocking.join() == 9);
    };
    reactor.run(run());
  });
}
