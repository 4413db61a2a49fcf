// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arbiter/backoff.hpp"
#include "arbiter/clock.hpp"
#include "arbiter/heartbeat_folder.hpp"
#include "arbiter/oom_events.hpp"
#include "arbiter/plan.hpp"
#include "arbiter/templates.hpp"
#include "arbiter/worker_process.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::arbiter {

/// All workers. It is told what there should be (how many, of which plan), and each tend() takes
/// the steps towards it that are possible now; nothing in here waits.
///
/// A worker has a number, the place that it fills. While a place changes hands, the successor is
/// booted first, and only when it is ready its predecessor is told to leave. Those who leave are
/// kept apart until they are dead. A place changes hands in a renewal (workers of a new plan come,
/// `--reload-batch` at a time), and when its worker asks to be recycled (one at a time).
class Crew {
 public:
  struct Hooks {
    WorkerEntry entry;
    Preload preload;  ///< for plans with --preload
    /// In a new child that is the worker of this number: closes the descriptors that are the
    /// arbiter's own, and the listening sockets of other plans and workers. Null: those of all.
    std::function<void(const Plan*, unsigned number)> close_in_child;
    /// No other arbiter serves the same sockets.
    std::function<bool()> is_alone;
    /// A child that is none of the workers has died; `status` is waitpid()'s.
    std::function<void(pid_t, int status)> other_died;
  };

  Crew(std::shared_ptr<const Plan> plan, Hooks hooks);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // ---- what there should be ----

  /// So many workers. Surplus ones are told to leave at once, the oldest first.
  void resize(unsigned workers, TimePoint now);
  /// Workers of this plan. Each old one leaves when its successor is ready. If one of the new ones
  /// fails to boot, the renewal is abandoned: those that are there already are replaced in turn by
  /// workers of the plan before. A renewal under way is replaced by this one.
  void renew(std::shared_ptr<const Plan> plan);
  /// Those who leave shall leave at once.
  void hurry(TimePoint now);
  /// Those who leave are killed.
  void kill();
  /// In every worker, and every template.
  void reopen_logs() noexcept;
  /// Lets every worker know that the server is about to stop: see observe::Scoreboard.
  void announce_shutdown() noexcept { scoreboard_.announce_shutdown(); }

  /// What serves: the plan of which a worker was ready last, or the first one.
  const std::shared_ptr<const Plan>& plan() const noexcept { return plan_; }

  // ---- steps ----

  /// The descriptors whose readiness is a reason to call tend().
  void add_to(std::vector<pollfd>& poll_set) const;
  /// Hears messages, reaps the dead (children of others, too), ends whose time is over, starts who
  /// is missing. `grace_from`: see WorkerProcess::enforce().
  void tend(TimePoint now, TimePoint grace_from);
  /// When tend() may have something to do next, if nothing happens before.
  TimePoint due(TimePoint grace_from) const;

  /// The numbers that there are workers of, or should be.
  std::vector<unsigned> numbers() const;
  /// A renewal is under way; where there should be no workers, it waits for them to come back.
  bool renewing() const noexcept { return renewing_ && !slots_.empty(); }
  /// A worker was ready at some time: the application works.
  bool ever_ready() const noexcept { return ever_ready_; }
  const observe::Scoreboard& scoreboard() const noexcept { return scoreboard_; }

  /// No worker is alive.
  bool empty() const noexcept;
  /// There is no use in going on: nobody ever got ready, and all have died of it; or all restarts
  /// are spent, and nobody serves. With the exit code of a worker.
  std::optional<int> gave_up() const noexcept;

 private:
  using Process = std::unique_ptr<WorkerProcess>;

  struct Slot {
    unsigned number = 0;
    Process current;
    Process successor;
    Backoff backoff;
    RestartBudget restarts;
    TimePoint hand_over_at = TimePoint::max();

    TimePoint started() const noexcept { return current ? current->started() : TimePoint::min(); }
    /// Before then its place stays empty.
    TimePoint not_before() const noexcept {
      return std::max(backoff.not_before(), restarts.spent_until());
    }
  };

  void hear(TimePoint now);
  void drop_those_who_never_came(TimePoint now);
  void note_failed_start(Slot& slot, std::string_view cause, TimePoint now);
  void reap(TimePoint now);
  Process take_out(pid_t pid, TimePoint now);
  void bury(const WorkerProcess& dead, int status, TimePoint now);
  void judge_boot_failure(const Plan& plan, int status);
  void note_ready(const WorkerProcess& worker);
  void look_for_crash_loop(int status, TimePoint now);

  void dismiss(Process worker, TimePoint now);
  void drop_outdated_successors(TimePoint now);
  void hand_over(TimePoint now);
  bool may_take_place(const WorkerProcess& successor) const noexcept;
  Duration time_to_give_up_addresses(const Slot& slot);

  void fill(TimePoint now);
  bool may_fill(const Slot& slot) const noexcept;
  void start_successors(TimePoint now);
  std::vector<Slot*> slots_to_renew();
  bool may_succeed(const Slot& slot) const noexcept;
  void tend_templates(TimePoint now);
  void close_workers_in_child() noexcept;
  void start(Process& into, Slot& slot, const std::shared_ptr<const Plan>& plan, TimePoint now);

  void abandon_renewal();
  void finish_renewal();

  const std::shared_ptr<const Plan>& wanted() const noexcept {
    return candidate_ ? candidate_ : plan_;
  }
  bool is_outdated(const WorkerProcess& worker) const noexcept {
    return worker.plan().generation != wanted()->generation;
  }
  bool has_anybody() const noexcept;
  const std::shared_ptr<const Plan>& plan_to_fill_with() const noexcept {
    return has_anybody() ? plan_ : wanted();
  }
  std::size_t in_excess() const noexcept;
  template <class Self, class Function>
  static void for_each(Self& self, Function function);

  Hooks hooks_;
  observe::Scoreboard scoreboard_;
  HeartbeatFolder heartbeats_;
  OomEvents oom_events_;
  Templates templates_;
  std::shared_ptr<const Plan> plan_;       ///< see plan()
  std::shared_ptr<const Plan> candidate_;  ///< of which none was ready yet
  std::shared_ptr<const Plan> fallback_;   ///< the plan before, while a renewal is under way
  bool renewing_ = false;
  bool ever_ready_ = false;
  std::optional<int> boot_failure_;  ///< while none was ever ready: the first failure's code
  std::optional<int> crash_loop_;    ///< the code of the last that died in it
  std::vector<Slot> slots_;          ///< by number
  std::vector<Process> leaving_;
};

}  // namespace uringcorn::arbiter
