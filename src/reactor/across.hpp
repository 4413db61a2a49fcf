// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>

#include "reactor/crossing.hpp"

namespace uringcorn::reactor {

/// The strand's coroutine is the task that `Make` gives.
template <class T, class Make>
class PooledTask final : public Crossing {
 public:
  PooledTask(coro::ThreadPool& pool, CancelScope& scope, Make& make) noexcept
      : Crossing(pool, scope), make_(make) {}
  T take() { return outcome_.take(); }

 private:
  void start() noexcept override {
    try {
      running_.emplace(outcome_.keep(make_()), scope());
    } catch (...) {
      outcome_.set_error(std::current_exception());
    }
  }
  bool finished() const noexcept override { return !running_ || running_->done(); }
  void discard_root() noexcept override { running_.reset(); }

  Make& make_;
  detail::Outcome<T> outcome_;
  std::optional<RunningTask<void>> running_;
};

/// A task that the reactor runs for a strand.
template <class T>
class TaskCall final : public ReactorCall {
 public:
  TaskCall(Crossing& crossing, Task<T> task) noexcept
      : ReactorCall(crossing), task_(std::move(task)) {}
  T take() {
    if (is_refused()) {
      throw Cancelled();
    }
    return outcome_.take();
  }

 private:
  Task<void> perform(CancelScope& scope) override {
    return outcome_.keep(std::move(task_).in(scope));
  }

  Task<T> task_;
  detail::Outcome<T> outcome_;
};

/// Too much waits for a thread of the pool.
class PoolIsFull : public std::exception {
 public:
  const char* what() const noexcept override { return "too much waits for a thread"; }
};

/// On the reactor: runs the task that `make()` gives on a strand of the pool, and gives what it
/// gives. Both the call of `make` and the task run on the strand, in a scope that is cancelled with
/// the caller's. Throws PoolIsFull if it is not admitted, Cancelled if it is cancelled before it
/// has begun. A task that does not heed its cancellation is waited for all the same.
template <class T, class Make>
Task<T> run_on_pool(coro::ThreadPool& pool, Admission admission, Make make) {
  CancelScope& scope = co_await current_scope();
  PooledTask<T, Make> task(pool, scope, make);
  const Passage passage = co_await task.passage(admission);
  if (passage == Passage::refused) {
    throw PoolIsFull();
  }
  if (passage == Passage::cancelled) {
    throw Cancelled();
  }
  co_return task.take();
}

/// On a strand: runs `task` on the reactor, in a scope that is cancelled with the caller's. On a
/// reactor: awaits it there and then.
template <class T>
Task<T> run_on_reactor(Task<T> task) {
  Crossing* const crossing = Crossing::current();
  if (crossing == nullptr) {
    co_return co_await std::move(task);
  }
  TaskCall<T> call(*crossing, std::move(task));
  co_await call;
  co_return call.take();
}

}  // namespace uringcorn::reactor
