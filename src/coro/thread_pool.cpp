// SPDX-License-Identifier: MIT
#include "coro/thread_pool.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/alternate_stack.hpp"
#include "base/fatal.hpp"
#include "coro/frame_pool.hpp"

namespace uringcorn::coro {
namespace {

/// Blocks all signals but those that a thread brings upon itself, and the pool's question, for the
/// threads that are started meanwhile: the process's signals are the business of its first thread.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int own :
         {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, ThreadPool::k_question_signal}) {
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
  for (unsigned i = 0; i < started_; ++i) {
    workers_[i].thread.join();
  }
}

bool ThreadPool::try_submit(Job& job) {
  const std::lock_guard lock(mutex_);
  const std::size_t free_threads = threads_max_ - busy_;
  if (fresh_count_ >= waiting_max_ + free_threads) {
    return false;
  }
  add(job, true);
  return true;
}

void ThreadPool::submit(Job& job) {
  const std::lock_guard lock(mutex_);
  add(job, false);
}

void ThreadPool::add(Job& job, bool is_fresh) {
  job.is_fresh_ = is_fresh;
  (is_fresh ? fresh_ : begun_).push_back(job);
  fresh_count_ += is_fresh ? 1 : 0;
  waiting_count_++;
  if (waiting_count_ > sleeping_ && started_ < threads_max_) {
    try {
      start_thread();
    } catch (const std::system_error&) {
      // The threads that there are will do it, only later.
      if (started_ == 0) {
        take_out(job);
        throw;
      }
    }
  }
}

void ThreadPool::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!shall_wake_one()) {
      return;
    }
  }
  job_added_.notify_one();
}

/// Whether the caller, once it has unlocked, is to wake a thread.
bool ThreadPool::shall_wake_one() noexcept {
  if (waiting_count_ == 0 || sleeping_ == 0 || is_waking_) {
    return false;
  }
  is_waking_ = true;
  return true;
}

void ThreadPool::take_out(Job& job) noexcept {
  job.unlink();
  waiting_count_--;
  fresh_count_ -= job.is_fresh_ ? 1 : 0;
}

void ThreadPool::start_thread() {
  const SignalsBlocked blocked;
  Worker& worker = workers_[started_];
  worker.thread = std::thread([this, &worker] { work(worker); });
  ++started_;
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
  for (unsigned i = 0; i < started_; ++i) {
    last = std::max(last, workers_[i].busy_since);
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
  const AlternateStack stack;
  const pid_t name = ::gettid();
  bool is_busy = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Job* const job = take()) {
      if (!std::exchange(is_busy, true)) {
        self.busy_as.store(name, std::memory_order_relaxed);
        busy_++;
      }
      self.busy_since = Clock::now();
      const bool wakes_next = shall_wake_one();
      lock.unlock();
      if (wakes_next) {
        job_added_.notify_one();
      }
      job->run();
      lock.lock();
      continue;
    }
    if (std::exchange(is_busy, false)) {
      self.busy_as.store(0, std::memory_order_relaxed);
      busy_--;
    }
    if (stopping_) {
      break;
    }
    sleeping_++;
    job_added_.wait(lock);
    sleeping_--;
    is_waking_ = false;
  }
  lock.unlock();
  release_pooled_frames();
}

}  // namespace uringcorn::coro
