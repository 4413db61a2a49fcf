// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "arbiter/clock.hpp"
#include "arbiter/plan.hpp"
#include "base/unique_fd.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::arbiter {

/// With --preload: the process that has loaded the application of one plan, and from which the
/// workers of that plan are forked. They share the memory of what it has loaded; the arbiter itself
/// never loads an application, so the template of the next plan gets what is on disk then.
///
/// A worker is born as the child of a child that ends at once. Orphans are adopted by the arbiter
/// (PR_SET_CHILD_SUBREAPER), which so waits for all workers alike.
class TemplateProcess {
 public:
  enum class Stage : std::uint8_t { loading, ready };

  /// `scoreboard` must outlive it. Throws std::system_error.
  TemplateProcess(std::shared_ptr<const Plan> plan, observe::Scoreboard& scoreboard);
  TemplateProcess(const TemplateProcess&) = delete;
  TemplateProcess& operator=(const TemplateProcess&) = delete;
  /// Ends it; the workers that it has made live on.
  ~TemplateProcess();

  /// Forks. True: this is the child, in which live() comes next. Throws std::system_error.
  bool fork();
  /// In the child: loads the application, and forks as it is told until the arbiter is gone.
  [[noreturn]] void live(const Preload& preload);
  /// In the child of another fork: forgets what belongs to the arbiter.
  void close_in_child() noexcept;

  pid_t pid() const noexcept { return pid_; }
  const Plan& plan() const noexcept { return *plan_; }
  const std::shared_ptr<const Plan>& shared_plan() const noexcept { return plan_; }
  Stage stage() const noexcept { return stage_; }
  TimePoint started() const noexcept { return started_; }
  bool is_overdue() const noexcept { return overdue_; }
  /// Readable when it is ready, or gone.
  int fd() const noexcept { return orders_.get(); }

  void hear() noexcept;
  /// Kills it if it has not loaded the application in time (--boot-timeout).
  void enforce(TimePoint now) noexcept;
  TimePoint due() const noexcept;

  /// Lets it fork a worker, which gets duplicates of the descriptors: heartbeat, messages, and the
  /// listening sockets. If it cannot, it says so in the log and closes them. Throws
  /// std::system_error.
  void order_worker(unsigned number, const observe::ScoreboardSlot& place,
                    std::span<const int> descriptors);
  void reopen_logs() noexcept;
  /// It has been reaped: there is nobody to kill.
  void forget() noexcept { pid_ = 0; }

 private:
  void obey(const Preload& preload);
  void deliver(unsigned number, observe::ScoreboardSlot& place,
               std::span<const UniqueFd> descriptors, const WorkerEntry& entry);

  std::shared_ptr<const Plan> plan_;
  observe::Scoreboard& scoreboard_;
  UniqueFd orders_;
  UniqueFd orders_in_child_;
  pid_t pid_ = 0;
  Stage stage_ = Stage::loading;
  bool overdue_ = false;
  TimePoint started_;
};

}  // namespace uringcorn::arbiter
