// SPDX-License-Identifier: MIT
#include <uringcorn/task_group.hpp>

#include "base/fatal.hpp"

namespace uringcorn {

/// The coroutine around a spawned task. It starts at once and destroys itself at its end.
struct TaskGroup::Child {
  struct promise_type : detail::PromiseBase {
    TaskGroup& group;

    promise_type(TaskGroup& owner, Task<void>&) noexcept : group(owner) { scope = &owner.scope_; }

    Child get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept {
      struct Awaiter {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(
            std::coroutine_handle<promise_type> self) const noexcept {
          TaskGroup& owner = self.promise().group;
          self.destroy();
          return owner.child_ended();
        }
        void await_resume() const noexcept {}
      };
      return Awaiter{};
    }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { group.keep_error(); }
  };
};

TaskGroup::Child TaskGroup::run(TaskGroup&, Task<void> task) {
  co_await std::move(task);
}

TaskGroup::~TaskGroup() {
  if (running_ != 0) {
    fatal("a TaskGroup was destroyed while its tasks still ran (co_await join() first)");
  }
}

void TaskGroup::spawn(Task<void> task) {
  running_++;
  run(*this, std::move(task));
}

std::coroutine_handle<> TaskGroup::child_ended() noexcept {
  running_--;
  if (running_ == 0 && joiner_) {
    return std::exchange(joiner_, nullptr);
  }
  return std::noop_coroutine();
}

void TaskGroup::keep_error() noexcept {
  if (error_) {
    return;
  }
  try {
    throw;
  } catch (const Cancelled&) {
    if (scope_.cancelled()) {
      return;
    }
    error_ = std::current_exception();
  } catch (...) {
    error_ = std::current_exception();
  }
  scope_.cancel();
}

void TaskGroup::rethrow() {
  if (error_) {
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

}  // namespace uringcorn
