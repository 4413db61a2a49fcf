// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <uringcorn/cancel.hpp>
#include <uringcorn/export.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

/// Tasks that run beside each other and end together. The group is a scope: cancelling the scope
/// that it was made in cancels its tasks. The first task that throws cancels the others, and join()
/// rethrows what it threw. Every task must have ended (co_await join()) before the group is
/// destroyed; with_task_group() sees to that by itself.
class URINGCORN_API TaskGroup {
 public:
  explicit TaskGroup(CancelScope& parent) noexcept : scope_(parent) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  /// Aborts the process if a task still runs: its frame would outlive what it refers to.
  ~TaskGroup();

  /// Starts `task` at once, on the caller's stack, until it suspends for the first time.
  void spawn(Task<void> task);
  /// Cancels what runs in the group; join() then waits for it to end.
  void cancel() noexcept { scope_.cancel(); }

  CancelScope& scope() noexcept { return scope_; }
  /// The number of tasks that have not ended.
  std::size_t size() const noexcept { return running_; }

  /// Waits until no task runs, then throws the first exception (other than a Cancelled that a
  /// cancel() caused). One coroutine at a time may wait.
  auto join() noexcept {
    struct Awaiter {
      TaskGroup& group;

      bool await_ready() const noexcept { return group.running_ == 0; }
      void await_suspend(std::coroutine_handle<> awaiting) noexcept { group.joiner_ = awaiting; }
      void await_resume() { group.rethrow(); }
    };
    return Awaiter{*this};
  }

 private:
  struct Child;

  static Child run(TaskGroup& group, Task<void> task);
  std::coroutine_handle<> child_ended() noexcept;
  void keep_error() noexcept;
  void rethrow();

  CancelScope scope_;
  std::coroutine_handle<> joiner_;
  std::exception_ptr error_;
  std::size_t running_ = 0;
};

/// Runs `body(group)` and then waits for all that it spawned, also when `body` throws (then the
/// group is cancelled first). `body` is called once and kept until the end.
template <class Body>
Task<void> with_task_group(Body body) {
  CancelScope& scope = co_await current_scope();
  TaskGroup group(scope);
  std::exception_ptr error;
  try {
    co_await body(group);
  } catch (...) {
    error = std::current_exception();
  }
  if (error) {
    group.cancel();
  }
  try {
    co_await group.join();
  } catch (...) {
    if (!error) {
      throw;
    }
  }
  if (error) {
    std::rethrow_exception(error);
  }
}

namespace detail {

template <class T>
using NonVoid = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What something gave, a value or an exception, until it is taken.
template <class T>
class Outcome {
 public:
  /// Keeps what `function` gives or throws.
  template <class Function>
  void keep_call(Function&& function) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        function();
      } else {
        value_.emplace(function());
      }
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  /// Waits for `task` and keeps what that gives or throws.
  Task<void> keep(Task<T> task) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
      } else {
        value_.emplace(co_await std::move(task));
      }
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }

  /// Gives the value or throws the exception. Once, and not before there is one.
  T take() {
    if (error_) {
      std::rethrow_exception(std::exchange(error_, nullptr));
    }
    if constexpr (!std::is_void_v<T>) {
      return std::move(*value_);
    }
  }

 private:
  std::optional<NonVoid<T>> value_;
  std::exception_ptr error_;
};

template <class T>
Task<void> store_result(Task<T> task, std::optional<NonVoid<T>>& result) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    result.emplace();
  } else {
    result.emplace(co_await std::move(task));
  }
}

/// Keeps the first outcome of several and cancels the rest.
template <class Variant>
struct Race {
  TaskGroup group;
  std::optional<Variant> value{};
  std::exception_ptr error{};
  bool decided = false;

  explicit Race(CancelScope& scope) : group(scope) {}
};

template <std::size_t Index, class T, class Variant>
Task<void> run_in_race(Task<T> task, Race<Variant>& race) {
  std::exception_ptr error;
  std::optional<NonVoid<T>> result;
  try {
    co_await store_result(std::move(task), result);
  } catch (...) {
    error = std::current_exception();
  }
  if (race.decided) {
    co_return;
  }
  race.decided = true;
  race.error = error;
  if (!error) {
    race.value.emplace(std::in_place_index<Index>, std::move(*result));
  }
  race.group.cancel();
}

}  // namespace detail

/// Runs all tasks beside each other and gives all their values, std::monostate for void. The first
/// that throws cancels the others; they are awaited, then its exception is thrown.
template <class... T>
Task<std::tuple<detail::NonVoid<T>...>> when_all(Task<T>... tasks) {
  CancelScope& scope = co_await current_scope();
  std::tuple<std::optional<detail::NonVoid<T>>...> results;
  TaskGroup group(scope);
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    (group.spawn(detail::store_result(std::move(tasks), std::get<Index>(results))), ...);
  }(std::index_sequence_for<T...>{});
  co_await group.join();
  co_return std::apply(
      [](auto&... result) { return std::tuple<detail::NonVoid<T>...>(std::move(*result)...); },
      results);
}

/// Runs all tasks beside each other; the first that ends decides, by its value (index() says which
/// task it was) or its exception. The others are cancelled and awaited before this returns.
template <class... T>
Task<std::variant<detail::NonVoid<T>...>> first_of(Task<T>... tasks) {
  CancelScope& scope = co_await current_scope();
  detail::Race<std::variant<detail::NonVoid<T>...>> race(scope);
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    (race.group.spawn(detail::run_in_race<Index>(std::move(tasks), race)), ...);
  }(std::index_sequence_for<T...>{});
  co_await race.group.join();
  if (race.error) {
    std::rethrow_exception(race.error);
  }
  co_return std::move(*race.value);
}

}  // namespace uringcorn
