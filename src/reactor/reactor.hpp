// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"
#include "coro/thread_pool.hpp"
#include "reactor/backend.hpp"
#include "reactor/driver.hpp"
#include "reactor/operation.hpp"
#include "reactor/timer_wheel.hpp"

namespace uringcorn::reactor {

/// What a reactor did since it was made.
struct Counters {
  std::uint64_t turns = 0;              ///< rounds of the loop
  std::uint64_t enters = 0;             ///< system calls that submit or wait
  std::uint64_t completions = 0;        ///< operations that ended
  std::uint64_t buffer_starvation = 0;  ///< receives that found no buffer and were parked
  std::uint64_t cq_overflow = 0;        ///< completions that the kernel had to keep aside
};

/// Something that another thread wants done on a reactor's thread. It belongs to who posts it, and
/// may be posted again once perform() was entered.
class Posted : private detail::ListHook {
 public:
  Posted(const Posted&) = delete;
  Posted& operator=(const Posted&) = delete;

 protected:
  Posted() noexcept = default;
  ~Posted() = default;

 private:
  friend class Reactor;
  virtual void perform() = 0;
};

/// The event loop of one thread: starts operations, waits for completions, fires timers, and
/// resumes coroutines. Make it after the fork, in the thread that uses it. While it exists, it is
/// Reactor::current() of that thread.
class Reactor final : private CompletionListener {
 public:
  struct Options {
    BackendKind backend = BackendKind::io_uring;
    unsigned queue_entries = 1024;
    std::uint16_t buffer_count = 256;
    std::size_t buffer_size = 8192;
  };

  /// Throws std::system_error when the kernel refuses (probe() tells why beforehand).
  explicit Reactor(const Options& options);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  /// The reactor of the calling thread; it must have one.
  static Reactor& current() noexcept { return *t_current; }
  static Reactor* current_or_null() noexcept { return t_current; }

  BackendKind backend() const noexcept { return kind_; }
  const Counters& counters() const noexcept { return counters_; }
  BufferPool& buffers() noexcept { return backend_->buffers(); }

  /// The time at the beginning of this turn. Cheaper than Clock::now(), late by the turn's age.
  Clock::time_point now() const noexcept { return now_; }

  /// Runs `task` in `scope` and turns until it has ended. Gives its value or throws its exception.
  template <class T>
  T run(Task<T> task, CancelScope& scope) {
    RunningTask<T> running(std::move(task), scope);
    while (!running.done()) {
      turn();
    }
    // The task is done: its awaiter is ready and takes the outcome without suspending.
    return running.join().await_resume();
  }
  template <class T>
  T run(Task<T> task) {
    CancelScope scope;
    return run(std::move(task), scope);
  }

  /// One round: submit and wait (until a completion or a timer, at most `wait_max`), take the
  /// completions, fire timers, resume what is ready.
  void turn(Clock::duration wait_max = std::chrono::hours(1));

  // ---- driven from outside, by a loop that does the waiting itself, instead of turn() and run()
  //
  //     for (;;) { reactor.submit(); poll(reactor.fd()); reactor.dispatch(); }

  /// Readable when dispatch() has something to do, timers included, as of the last submit(). The
  /// first call, before any submit(), makes it; throws std::system_error.
  int fd();
  /// To be called before the loop waits: hands on what has been started since, and sees to it that
  /// fd() is readable when the next timer is due.
  void submit() noexcept;
  /// Waits until fd() is readable, at most `wait_max`: for loops without a wait of their own.
  /// False: it is not, or a signal came.
  bool wait(Clock::duration wait_max);
  /// Takes the completions that have come, fires timers, resumes what is ready. Never waits.
  void dispatch() { turn(Clock::duration::zero()); }

  /// Queues `awaiting` to be resumed in this turn's dispatch or the next.
  void resume_later(std::coroutine_handle<> awaiting);

  /// Wakes `pool`, which must outlive the turn, at the turn's end: once for all that is submitted
  /// to it by then.
  void wake_after_turn(coro::ThreadPool& pool) noexcept;

  /// Thread-safe: runs `work` on this reactor's thread, soon and in the order of the posts. These
  /// two are the only members for other threads.
  void post(std::function<void()> work);
  /// The same without an allocation.
  void post(Posted& work) noexcept;

  /// Closes a socket or other descriptor that operations were used on. None may be in flight: shut
  /// it down or cancel first, and await them.
  void close(UniqueFd fd) noexcept;

  TimerWheel& timers() noexcept { return timers_; }

 private:
  friend class Operation;
  friend class Backend;

  void start(Operation& operation) noexcept;
  void cancel(Operation& operation) noexcept;
  void complete(Operation& operation, int result) noexcept;
  void resume_ready();
  void run_posted();
  void wake_pool() noexcept;
  void operation_completed(Operation& operation) override;
  Clock::duration time_to_wait(Clock::duration wait_max) const noexcept;

  static constinit thread_local Reactor* t_current;

  const BackendKind kind_;
  Counters counters_;
  Clock::time_point now_;
  TimerWheel timers_;
  QueueHook ready_;
  std::vector<std::coroutine_handle<>> resumable_;
  std::vector<std::coroutine_handle<>> resuming_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Driver> driver_;

  coro::ThreadPool* pool_to_wake_ = nullptr;

  UniqueFd wake_fd_;
  Poll wake_{-1, 0};
  std::mutex posted_mutex_;
  detail::ListHook posted_;
};

/// `timeout` from now, by the clock of the current reactor's turn; zero means never.
inline Clock::time_point deadline_in(std::chrono::milliseconds timeout) noexcept {
  return timeout.count() == 0 ? Clock::time_point::max() : Reactor::current().now() + timeout;
}

/// What stands in the way of io_uring here; empty: nothing. One sentence with cause and remedy.
/// Makes a ring as a worker would, and throws it away; call it in any process.
std::optional<std::string> io_uring_obstacle();

}  // namespace uringcorn::reactor
