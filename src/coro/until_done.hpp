// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>

#include <uringcorn/task.hpp>

namespace uringcorn::coro {

/// Waits for the end of a task that was started, and leaves its outcome to be taken by join().
template <class T>
class UntilDone {
 public:
  explicit UntilDone(RunningTask<T>& running) noexcept : join_(running.join()) {}

  bool await_ready() const noexcept { return join_.await_ready(); }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { join_.await_suspend(awaiting); }
  void await_resume() const noexcept {}

 private:
  detail::JoinAwaiter<T> join_;
};

}  // namespace uringcorn::coro
