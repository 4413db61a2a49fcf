// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <uringcorn/cancel.hpp>
#include <uringcorn/export.hpp>

namespace uringcorn {

template <class T>
class Task;
template <class T>
class RunningTask;

namespace detail {

/// Frames of coroutines come from a pool of the calling thread, by size class (plain malloc under
/// AddressSanitizer). A frame may be freed on another thread than the one that made it.
URINGCORN_API void* allocate_frame(std::size_t size);
URINGCORN_API void free_frame(void* frame, std::size_t size) noexcept;

/// What every coroutine of this library carries: who continues after it and which scope it runs in.
struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  CancelScope* scope = nullptr;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
};

/// Mistakes with tasks, as a std::logic_error: a handler that makes one is answered 500.
[[noreturn]] URINGCORN_API void throw_moved_from();
[[noreturn]] URINGCORN_API void throw_awaited_again();
[[noreturn]] URINGCORN_API void throw_without_result();

/// A task can be started once.
inline void require_startable(std::coroutine_handle<> frame) {
  if (!frame) [[unlikely]] {
    throw_moved_from();
  }
  if (frame.done()) [[unlikely]] {
    throw_awaited_again();
  }
}

/// The end of a task: control goes straight to the continuation, on the same stack depth.
struct ContinueAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    return self.promise().continuation;
  }
  void await_resume() const noexcept {}
};

template <class T>
struct TaskPromise : PromiseBase {
  std::optional<T> value;
  std::exception_ptr error;

  Task<T> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  ContinueAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
  template <class U>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (error) {
      std::rethrow_exception(std::exchange(error, nullptr));
    }
    if (!value) [[unlikely]] {
      throw_without_result();
    }
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> : PromiseBase {
  std::exception_ptr error;

  Task<void> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  ContinueAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
  void return_void() const noexcept {}
  void take() {
    if (error) {
      std::rethrow_exception(std::exchange(error, nullptr));
    }
  }
};

/// Starts a task and is resumed at its end.
template <class T>
struct TaskAwaiter {
  std::coroutine_handle<TaskPromise<T>> frame;

  bool await_ready() const {
    require_startable(frame);
    return false;
  }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    TaskPromise<T>& promise = frame.promise();
    promise.continuation = awaiting;
    if (promise.scope == nullptr) {
      promise.scope = awaiting.promise().scope;
    }
    return frame;
  }
  T await_resume() { return frame.promise().take(); }
};

/// Waits for a task that runs already.
template <class T>
struct JoinAwaiter {
  std::coroutine_handle<TaskPromise<T>> frame;

  bool await_ready() const noexcept { return frame.done(); }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept {
    frame.promise().continuation = awaiting;
  }
  T await_resume() { return frame.promise().take(); }
};

}  // namespace detail

/// A coroutine that computes a T. It is lazy (nothing runs before it is awaited), is awaited once,
/// runs in the scope of the coroutine that awaits it, and hands on its value or its exception.
/// Awaiting costs no stack: chains and loops of any length are fine. To await it again, or after it
/// was moved from, throws std::logic_error.
///
///     Task<int> answer() { co_return 42; }
///     Task<void> ask() { int value = co_await answer(); }
///
/// The parameters of a coroutine are copied into its frame, but what they refer to is not: pass by
/// value, or see to it that the referent lives until the task is done. A lambda that captures must
/// outlive the task that it returned.
template <class T = void>
class [[nodiscard("a Task does nothing until it is awaited")]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  /// A task that was never awaited is discarded with its parameters.
  ~Task() { destroy(); }

  /// Makes the task run in `scope` instead of its awaiter's; `scope` must outlive it.
  Task&& in(CancelScope& scope) && {
    detail::require_startable(frame_);
    frame_.promise().scope = &scope;
    return std::move(*this);
  }

  auto operator co_await() && noexcept { return detail::TaskAwaiter<T>{frame_}; }

 private:
  friend promise_type;
  friend RunningTask<T>;

  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  void destroy() noexcept {
    if (frame_) {
      frame_.destroy();
    }
  }

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
Task<T> detail::TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> detail::TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

/// A task that was started before somebody awaits it, so that its owner can see whether it
/// suspended. The owner must await join() before it destroys a task that is not done().
template <class T>
class RunningTask {
 public:
  /// Runs `task` in `scope` on the caller's stack until it suspends for the first time or ends.
  RunningTask(Task<T> task, CancelScope& scope) : task_(std::move(task).in(scope)) {
    task_.frame_.resume();
  }

  bool done() const noexcept { return task_.frame_.done(); }

  /// Waits for the end; gives the value or throws the exception. Once.
  auto join() noexcept { return detail::JoinAwaiter<T>{task_.frame_}; }

 private:
  Task<T> task_;
};

/// The scope that the awaiting coroutine runs in: `CancelScope& scope = co_await current_scope();`
/// Never suspends.
struct CurrentScope {
  CancelScope* scope = nullptr;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    scope = awaiting.promise().scope;
    return false;
  }
  CancelScope& await_resume() const noexcept { return *scope; }
};
inline CurrentScope current_scope() noexcept {
  return {};
}

}  // namespace uringcorn
