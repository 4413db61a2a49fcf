// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>

#include <uringcorn/cancel.hpp>
#include <uringcorn/export.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

/// The clock of all deadlines: monotonic, not touched by changes of the wall clock.
using Clock = std::chrono::steady_clock;

/// Thrown by with_deadline() and with_timeout() when the time is over.
class URINGCORN_API DeadlineExceeded : public std::exception {
 public:
  const char* what() const noexcept override;
};

class TimerAccess;

namespace detail {

/// A place in the reactor's timer wheel. Belongs to the thread whose reactor it was armed on.
/// Resolution is one millisecond; it never fires early.
class URINGCORN_API Timer {
 public:
  Timer() noexcept = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { disarm(); }

  /// Fires at `deadline`, once; an armed timer is moved. Costs a few list links, no system call.
  void arm(Clock::time_point deadline) noexcept;
  void disarm() noexcept { hook_.unlink(); }
  bool armed() const noexcept { return hook_.linked(); }

 protected:
  /// The time is over; called from the reactor's loop, already disarmed.
  virtual void on_timer() noexcept = 0;

 private:
  friend class uringcorn::TimerAccess;

  struct Hook : ListHook {
    Timer* owner;
    explicit Hook(Timer* timer) noexcept : owner(timer) {}
  };
  Hook hook_{this};
  std::uint64_t tick_ = 0;
};

class URINGCORN_API [[nodiscard("await it")]] Sleep final : private Timer, private CancelWaiter {
 public:
  explicit Sleep(Clock::time_point deadline) noexcept : deadline_(deadline) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    return begin(awaiting, awaiting.promise().scope);
  }
  void await_resume() const {
    if (cancelled_) {
      throw Cancelled();
    }
  }

 private:
  bool begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept;
  void on_timer() noexcept override;
  void on_cancel() noexcept override;

  Clock::time_point deadline_;
  std::coroutine_handle<> waiter_;
  bool cancelled_ = false;
};

/// Cancels a scope when the time is over.
class URINGCORN_API ScopeDeadline final : private Timer {
 public:
  ScopeDeadline(Clock::time_point deadline, CancelScope& scope) noexcept : scope_(scope) {
    arm(deadline);
  }
  bool expired() const noexcept { return expired_; }

 private:
  void on_timer() noexcept override {
    expired_ = true;
    scope_.cancel();
  }

  CancelScope& scope_;
  bool expired_ = false;
};

}  // namespace detail

/// Waits. Throws Cancelled at once when the scope is cancelled meanwhile.
inline detail::Sleep sleep_until(Clock::time_point deadline) noexcept {
  return detail::Sleep(deadline);
}
inline detail::Sleep sleep_for(Clock::duration time) noexcept {
  return detail::Sleep(Clock::now() + time);
}

/// Runs `task`, but not beyond `deadline`: then its current wait is cancelled, the task is awaited,
/// and DeadlineExceeded is thrown. A task that ends by itself all the same keeps its result.
template <class T>
Task<T> with_deadline(Clock::time_point deadline, Task<T> task) {
  CancelScope& outer = co_await current_scope();
  CancelScope scope(outer);
  detail::ScopeDeadline timer(deadline, scope);
  try {
    co_return co_await std::move(task).in(scope);
  } catch (const Cancelled&) {
    if (!timer.expired() || outer.cancelled()) {
      throw;
    }
  }
  throw DeadlineExceeded();
}

template <class T>
Task<T> with_timeout(Clock::duration time, Task<T> task) {
  return with_deadline(Clock::now() + time, std::move(task));
}

}  // namespace uringcorn
