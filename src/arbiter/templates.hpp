// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "arbiter/backoff.hpp"
#include "arbiter/clock.hpp"
#include "arbiter/plan.hpp"
#include "arbiter/template_process.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::arbiter {

/// The template processes of the plans that are in use with --preload, one for each.
class Templates {
 public:
  using SharedPlan = std::shared_ptr<const Plan>;

  /// `close_in_child` is called in a new child. The references must outlive it.
  Templates(const Preload& preload, observe::Scoreboard& scoreboard,
            std::function<void()> close_in_child)
      : preload_(preload), scoreboard_(scoreboard), close_in_child_(std::move(close_in_child)) {}

  /// Starts those that are missing for `needed`, ends those whose plan is not in `kept`, hears all,
  /// and kills one that is late. `needed` are among `kept`; null ones count for nothing.
  void tend(std::span<const SharedPlan> needed, std::span<const SharedPlan> kept, TimePoint now);
  /// The one of this plan, once it is ready; null: it is not.
  TemplateProcess* ready_for(const Plan& plan) const noexcept;
  /// Whether workers of this plan can be started now.
  bool can_start(const Plan& plan) const noexcept {
    return !plan.settings.preload || ready_for(plan) != nullptr;
  }

  /// What there is to say when a template has died.
  struct Death {
    SharedPlan plan;
    bool was_loading;
  };
  /// Nothing: this child was no template. It has been logged, unless nobody needed it any more.
  std::optional<Death> reap(pid_t pid, int status, TimePoint now);

  void add_to(std::vector<pollfd>& poll_set) const;
  TimePoint due() const noexcept;
  void reopen_logs() noexcept;
  void close_in_child() noexcept;

 private:
  using Process = std::unique_ptr<TemplateProcess>;

  void start(const SharedPlan& plan, TimePoint now);
  bool has(const Plan& plan) const noexcept;

  const Preload& preload_;
  observe::Scoreboard& scoreboard_;
  std::function<void()> close_in_child_;
  std::vector<Process> processes_;
  Backoff backoff_;
  bool is_missing_ = false;  ///< one is to be started when the backoff allows it
  bool adopts_orphans_ = false;
};

}  // namespace uringcorn::arbiter
