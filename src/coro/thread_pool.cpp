// SPDX-License-Identifier: MIT
#include "coro/thread_pool.hpp"

#include <signal.h>

#include <algorithm>
#include <system_error>

#include "base/fatal.hpp"
#include "coro/frame_pool.hpp"

namespace uringcorn::coro {
namespace {

/// Blocks all signals but those that a thread brings upon itself, for the threads that are started
/// meanwhile: the process's signals are the business of its first thread.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
      sigdelset(&blocked, own);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_count_ != 0) {
      fatal("a thread pool was destroyed while jobs waited in it");
    }
    stopping_ = true;
  }
  job_added_.notify_all();
  for (Worker& worker : workers_) {
    worker.thread.join();
  }
}

bool ThreadPool::try_submit(Job& job) {
  std::unique_lock lock(mutex_);
  const std::size_t free_threads = threads_max_ - busy_;
  if (fresh_count_ >= waiting_max_ + free_threads) {
    return false;
  }
  add(job, true, std::move(lock));
  return true;
}

void ThreadPool::submit(Job& job) {
  add(job, false, std::unique_lock(mutex_));
}

void ThreadPool::add(Job& job, bool is_fresh, std::unique_lock<std::mutex> lock) {
  job.is_fresh_ = is_fresh;
  (is_fresh ? fresh_ : begun_).push_back(job);
  fresh_count_ += is_fresh ? 1 : 0;
  waiting_count_++;
  const bool has_sleeper = sleeping_ > 0;
  if (waiting_count_ > sleeping_ && workers_.size() < threads_max_) {
    try {
      start_thread();
    } catch (const std::system_error&) {
      // The threads that there are will do it, only later.
      if (workers_.empty()) {
        take_out(job);
        throw;
      }
    }
  }
  lock.unlock();
  if (has_sleeper) {
    job_added_.notify_one();
  }
}

void ThreadPool::take_out(Job& job) noexcept {
  job.unlink();
  waiting_count_--;
  fresh_count_ -= job.is_fresh_ ? 1 : 0;
}

void ThreadPool::start_thread() {
  const SignalsBlocked blocked;
  Worker& worker = workers_.emplace_back();
  try {
    worker.thread = std::thread([this, &worker] { work(worker); });
  } catch (...) {
    workers_.pop_back();
    throw;
  }
}

bool ThreadPool::withdraw(Job& job) noexcept {
  const std::lock_guard lock(mutex_);
  if (!job.linked() || !job.is_fresh_) {
    return false;
  }
  take_out(job);
  return true;
}

Clock::time_point ThreadPool::last_free(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  if (busy_ < threads_max_) {
    return now;
  }
  auto last = Clock::time_point::min();
  for (const Worker& worker : workers_) {
    last = std::max(last, worker.busy_since);
  }
  return last;
}

Job* ThreadPool::take() noexcept {
  detail::ListHook& queue = begun_.linked() ? begun_ : fresh_;
  if (!queue.linked()) {
    return nullptr;
  }
  auto& job = static_cast<Job&>(*queue.next);
  take_out(job);
  return &job;
}

void ThreadPool::work(Worker& self) noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Job* const job = take()) {
      if (!self.busy) {
        self.busy = true;
        busy_++;
      }
      self.busy_since = Clock::now();
      lock.unlock();
      job->run();
      lock.lock();
      continue;
    }
    if (self.busy) {
      self.busy = false;
      busy_--;
    }
    if (stopping_) {
      break;
    }
    sleeping_++;
    job_added_.wait(lock);
    sleeping_--;
  }
  lock.unlock();
  release_pooled_frames();
}

}  // namespace uringcorn::coro
