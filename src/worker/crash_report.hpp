// SPDX-License-Identifier: MIT
#pragma once

#include "coro/thread_pool.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::worker {

/// From now on a signal that ends the worker for a fault (SIGABRT, the arbiter's for a worker that
/// was silent for too long, or an assertion's; SIGSEGV, SIGBUS, SIGFPE, SIGILL) makes it write on
/// stderr which requests it is in and where it is, before it dies of the signal. To be called on
/// the worker's first thread; `slot` must outlive the process's use of it.
void report_on_crash(const observe::ScoreboardSlot& slot);

/// While it exists, such a report tells also where the threads of `pool` are that are at a job. One
/// at a time.
class PoolInCrashReport {
 public:
  explicit PoolInCrashReport(const coro::ThreadPool& pool) noexcept;
  PoolInCrashReport(const PoolInCrashReport&) = delete;
  PoolInCrashReport& operator=(const PoolInCrashReport&) = delete;
  ~PoolInCrashReport();
};

}  // namespace uringcorn::worker
