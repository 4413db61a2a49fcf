// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>

#include <uringcorn/cancel.hpp>
#include <uringcorn/time.hpp>

namespace uringcorn::coro {

class ThreadPool;

/// Something for a thread of a pool to do. It belongs to who submits it, and may be submitted again
/// once run() was entered.
class Job : private detail::ListHook {
 public:
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

 protected:
  Job() noexcept = default;
  ~Job() = default;

 private:
  friend class ThreadPool;

  bool is_fresh_ = false;  ///< guarded by the pool
  /// Called on a thread of the pool. Afterwards the pool does not touch the job any more, so that
  /// it may be gone by then.
  virtual void run() noexcept = 0;
};

/// Threads that do jobs. They are started when they are needed, up to a number, and stay. Jobs that
/// have begun and go on come before those that are new; otherwise the order is that of submission.
/// All functions may be called from any thread.
///
/// Who submits jobs calls wake() after the last of them, because to wake a thread costs more than
/// many a job. One thread is woken at a time: it wakes the next if there is more to do.
class ThreadPool {
 public:
  /// The one signal for the process that its threads do not block, so that each can be asked where
  /// it is. Nobody else has a use for it; who does not handle it does not notice it.
  static constexpr int k_question_signal = SIGURG;

  /// `waiting_max` bounds the new jobs that wait while all threads are busy.
  ThreadPool(unsigned threads_max, std::size_t waiting_max)
      : threads_max_(threads_max),
        waiting_max_(waiting_max),
        workers_(std::make_unique<Worker[]>(threads_max)) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// No job may wait or be under way. Ends the threads.
  ~ThreadPool();

  /// A new job, to be begun with after wake() at the latest. False: too many wait already. Throws
  /// std::system_error when the first thread cannot be started.
  bool try_submit(Job& job);
  /// A job that goes on: never refused.
  void submit(Job& job);
  /// Has the threads look for what was submitted.
  void wake() noexcept;
  /// Takes back a new job that no thread has begun with. False: there is none.
  bool withdraw(Job& job) noexcept;

  unsigned threads_max() const noexcept { return threads_max_; }
  /// When there was a thread last that could have begun a new job: `now`, or, if all are busy, the
  /// moment at which the last of them began with what it does.
  Clock::time_point last_free(Clock::time_point now) const;
  /// The thread of that number (below threads_max()), by the kernel's name for it, if it is at a
  /// job; else 0. Async-signal-safe.
  pid_t busy_thread(unsigned number) const noexcept {
    return workers_[number].busy_as.load(std::memory_order_relaxed);
  }

 private:
  struct Worker {
    std::thread thread;
    Clock::time_point busy_since;
    std::atomic<pid_t> busy_as = 0;  ///< the thread's name while it is at a job; written by itself
  };

  void add(Job& job, bool is_fresh);
  bool shall_wake_one() noexcept;
  void take_out(Job& job) noexcept;
  void start_thread();
  void work(Worker& self) noexcept;
  Job* take() noexcept;

  const unsigned threads_max_;
  const std::size_t waiting_max_;
  mutable std::mutex mutex_;
  std::condition_variable job_added_;
  detail::ListHook begun_;
  detail::ListHook fresh_;
  std::size_t fresh_count_ = 0;
  std::size_t waiting_count_ = 0;  ///< fresh_ and begun_
  unsigned sleeping_ = 0;          ///< those that were woken and have not looked yet included
  bool is_waking_ = false;         ///< one was woken and has not looked yet
  unsigned busy_ = 0;
  const std::unique_ptr<Worker[]> workers_;
  unsigned started_ = 0;  ///< how many of them have a thread
  bool stopping_ = false;
};

}  // namespace uringcorn::coro
