// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
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
class ThreadPool {
 public:
  /// `waiting_max` bounds the new jobs that wait while all threads are busy.
  ThreadPool(unsigned threads_max, std::size_t waiting_max) noexcept
      : threads_max_(threads_max), waiting_max_(waiting_max) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// No job may wait or be under way. Ends the threads.
  ~ThreadPool();

  /// A new job. False: too many wait already. Throws std::system_error when the first thread cannot
  /// be started.
  bool try_submit(Job& job);
  /// A job that goes on: never refused.
  void submit(Job& job);
  /// Takes back a new job that no thread has begun with. False: there is none.
  bool withdraw(Job& job) noexcept;

  unsigned threads_max() const noexcept { return threads_max_; }
  /// When there was a thread last that could have begun a new job: `now`, or, if all are busy, the
  /// moment at which the last of them began with what it does.
  Clock::time_point last_free(Clock::time_point now) const;

 private:
  struct Worker {
    std::thread thread;
    Clock::time_point busy_since;
    bool busy = false;
  };

  void add(Job& job, bool is_fresh, std::unique_lock<std::mutex> lock);
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
  unsigned sleeping_ = 0;
  unsigned busy_ = 0;
  std::deque<Worker> workers_;
  bool stopping_ = false;
};

}  // namespace uringcorn::coro
