// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>

#include "coro/frame_pool.hpp"

using namespace uringcorn;

namespace {

/// Suspends the coroutine until release(), as an operation would; ends early when cancelled.
class Gate final : private CancelWaiter {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    CancelScope* scope = awaiting.promise().scope;
    if (scope->cancelled()) {
      cancelled_ = true;
      return false;
    }
    waiter_ = awaiting;
    watch(scope);
    return true;
  }
  void await_resume() const {
    if (cancelled_) {
      throw Cancelled();
    }
  }
  bool waiting() const noexcept { return waiter_ != nullptr; }
  bool was_cancelled() const noexcept { return cancelled_; }
  void release() {
    unwatch();
    std::exchange(waiter_, nullptr).resume();
  }

 private:
  void on_cancel() noexcept override { cancelled_ = true; }

  std::coroutine_handle<> waiter_;
  bool cancelled_ = false;
};

Task<int> value(int number) {
  co_return number;
}

Task<void> nothing() {
  co_return;
}

Task<int> fail(std::string what) {
  throw std::runtime_error(what);
  co_return 0;
}

Task<int> pass_gate(Gate& gate, int number) {
  co_await gate;
  co_return number;
}

template <class T>
T finish(Task<T> task) {
  CancelScope scope;
  RunningTask<T> running(std::move(task), scope);
  REQUIRE(running.done());
  return running.join().await_resume();
}

template <class T>
Task<void> await_twice(Task<T> task) {
  co_await std::move(task);
  co_await std::move(task);
}

Task<void> await_moved(Task<int> task) {
  const Task<int> other = std::move(task);
  co_await std::move(task);
}

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wreturn-type"
Task<int> forget_the_result(bool forget) {
  if (!forget) {
    co_return 1;
  }
}
#pragma clang diagnostic pop

Task<long> sum_of(long count) {
  long sum = 0;
  for (long i = 0; i < count; i++) {
    const int one = co_await value(1);
    sum += one;
  }
  co_return sum;
}

Task<long> nested(long depth) {
  if (depth == 0) {
    co_return 0;
  }
  const long below = co_await nested(depth - 1);
  co_return below + 1;
}

Task<bool> yes() {
  co_return true;
}

Task<int> return_from_branch() {
  if (co_await yes()) {
    co_return 1;
  }
  co_return 0;
}

Task<std::string> catch_through_awaits() {
  try {
    const int number = co_await fail("deep");
    co_return std::to_string(number);
  } catch (const std::runtime_error& error) {
    co_return std::string("caught ") + error.what();
  }
}

}  // namespace

TEST_CASE("mistakes with tasks are exceptions, not crashes") {
  CHECK_THROWS_WITH_AS(finish(await_twice(value(1))), "a Task was awaited a second time",
                       std::logic_error);
  CHECK_THROWS_WITH_AS(finish(await_twice(nothing())), "a Task was awaited a second time",
                       std::logic_error);
  CHECK_THROWS_WITH_AS(finish(await_moved(value(1))), "a Task was awaited that was moved from",
                       std::logic_error);
  CHECK_THROWS_WITH_AS(finish(forget_the_result(true)), "a coroutine ended without its co_return",
                       std::logic_error);
  CHECK(finish(forget_the_result(false)) == 1);
}

TEST_CASE("a task gives its value, also out of a branch after a co_await") {
  CHECK(finish(value(42)) == 42);
  CHECK(finish(return_from_branch()) == 1);
}

TEST_CASE("an exception passes through awaits and can be caught") {
  CHECK(finish(catch_through_awaits()) == "caught deep");
  CHECK_THROWS_WITH(finish(fail("out")), "out");
}

TEST_CASE("ten million synchronous completions in a loop use no stack") {
  CHECK(finish(sum_of(10'000'000)) == 10'000'000);
}

TEST_CASE("a hundred thousand nested tasks unwind without deep recursion") {
  CHECK(finish(nested(100'000)) == 100'000);
}

TEST_CASE("a task that nobody awaits is discarded with its parameters") {
  const auto before = coro::live_frames();
  {
    auto task = catch_through_awaits();
  }
  CHECK(coro::live_frames() == before);
}

TEST_CASE("every frame is returned") {
  const auto before = coro::live_frames();
  finish(sum_of(1000));
  finish(nested(1000));
  CHECK_THROWS(finish(fail("x")));
  CHECK(coro::live_frames() == before);
  coro::release_pooled_frames();
}

TEST_CASE("cancelling a scope interrupts the waits in it and below, once and for all") {
  CancelScope root;
  CancelScope child(root);
  Gate gate;
  RunningTask<int> running(pass_gate(gate, 1).in(child), child);
  REQUIRE(!running.done());
  root.cancel();
  root.cancel();
  CHECK(child.cancelled());
  CHECK(gate.was_cancelled());
  gate.release();
  CHECK_THROWS_AS(running.join().await_resume(), Cancelled);

  Gate later;
  RunningTask<int> late(pass_gate(later, 1), child);
  CHECK(late.done());
  CHECK_THROWS_AS(late.join().await_resume(), Cancelled);

  CancelScope born_cancelled(child);
  CHECK(born_cancelled.cancelled());
}

TEST_CASE("cancelling a child does not reach its parent or its siblings") {
  CancelScope root;
  CancelScope one(root);
  CancelScope two(root);
  one.cancel();
  CHECK(!root.cancelled());
  CHECK(!two.cancelled());
}

TEST_CASE("a group joins when its last task ends") {
  Gate first;
  Gate second;
  std::vector<int> order;
  auto body = [&]() -> Task<void> {
    CancelScope& scope = co_await current_scope();
    TaskGroup group(scope);
    auto wait_for = [&order](Gate& gate, int number) -> Task<void> {
      co_await gate;
      order.push_back(number);
    };
    group.spawn(wait_for(first, 1));
    group.spawn(wait_for(second, 2));
    CHECK(group.size() == 2);
    co_await group.join();
    order.push_back(3);
  };
  CancelScope scope;
  RunningTask<void> running(body(), scope);
  second.release();
  CHECK(!running.done());
  first.release();
  CHECK(running.done());
  CHECK(order == std::vector<int>{2, 1, 3});
}

TEST_CASE("the first failure in a group cancels the others and is thrown by join") {
  Gate gate;
  auto body = [&](TaskGroup& group) -> Task<void> {
    auto wait = [](Gate& g) -> Task<void> { co_await g; };
    auto broken = []() -> Task<void> {
      throw std::logic_error("broken");
      co_return;
    };
    group.spawn(wait(gate));
    group.spawn(broken());
    co_return;
  };
  CancelScope scope;
  RunningTask<void> running(with_task_group(body), scope);
  CHECK(!running.done());
  REQUIRE(gate.was_cancelled());
  gate.release();
  REQUIRE(running.done());
  CHECK_THROWS_AS(running.join().await_resume(), std::logic_error);
}

TEST_CASE("with_task_group waits for its tasks when the body throws") {
  Gate gate;
  auto body = [&](TaskGroup& group) -> Task<void> {
    auto wait = [](Gate& g) -> Task<void> { co_await g; };
    group.spawn(wait(gate));
    throw std::runtime_error("body");
    co_return;
  };
  CancelScope scope;
  RunningTask<void> running(with_task_group(body), scope);
  CHECK(!running.done());
  REQUIRE(gate.was_cancelled());
  gate.release();
  CHECK_THROWS_WITH(running.join().await_resume(), "body");
}

TEST_CASE("when_all gives all values") {
  const auto [number, text, none] = finish(when_all(value(1), catch_through_awaits(), nothing()));
  CHECK(number == 1);
  CHECK(text == "caught deep");
  CHECK(none == std::monostate());
}

TEST_CASE("when_all awaits the others before it throws the first failure") {
  Gate gate;
  CancelScope scope;
  RunningTask<std::tuple<int, int>> running(when_all(pass_gate(gate, 1), fail("first")), scope);
  CHECK(!running.done());
  REQUIRE(gate.was_cancelled());
  gate.release();
  CHECK_THROWS_WITH(running.join().await_resume(), "first");
}

TEST_CASE("first_of gives the winner and awaits the losers") {
  Gate fast;
  Gate slow;
  CancelScope scope;
  RunningTask<std::variant<int, int>> running(first_of(pass_gate(slow, 1), pass_gate(fast, 2)),
                                              scope);
  fast.release();
  CHECK(!running.done());
  REQUIRE(slow.was_cancelled());
  slow.release();
  REQUIRE(running.done());
  const auto winner = running.join().await_resume();
  CHECK(winner.index() == 1);
  CHECK(std::get<1>(winner) == 2);
}

TEST_CASE("first_of whose first task is done at once starts the others cancelled") {
  Gate never;
  const auto winner = finish(first_of(value(7), pass_gate(never, 1)));
  CHECK(winner.index() == 0);
  CHECK(std::get<0>(winner) == 7);
}

TEST_CASE("first_of throws what the winner threw") {
  Gate never;
  CHECK_THROWS_WITH(finish(first_of(fail("lost"), pass_gate(never, 1))), "lost");
}
