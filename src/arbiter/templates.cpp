// SPDX-License-Identifier: MIT
#include "arbiter/templates.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "arbiter/death_report.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {

void Templates::tend(std::span<const SharedPlan> needed, std::span<const SharedPlan> kept,
                     TimePoint now) {
  std::erase_if(processes_, [&](const Process& process) {
    return std::find(kept.begin(), kept.end(), process->shared_plan()) == kept.end();
  });
  for (const Process& process : processes_) {
    process->hear();
    process->enforce(now);
  }
  is_missing_ = false;
  for (const SharedPlan& plan : needed) {
    if (!plan || !plan->settings.preload || has(*plan)) {
      continue;
    }
    if (now >= backoff_.not_before()) {
      start(plan, now);
    } else {
      is_missing_ = true;
    }
  }
}

bool Templates::has(const Plan& plan) const noexcept {
  return std::any_of(processes_.begin(), processes_.end(),
                     [&](const Process& process) { return &process->plan() == &plan; });
}

void Templates::start(const SharedPlan& plan, TimePoint now) {
  if (!std::exchange(adopts_orphans_, true)) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  }
  try {
    auto process = std::make_unique<TemplateProcess>(plan, scoreboard_);
    if (process->fork()) {
      close_in_child_();
      process->live(preload_);
    }
    observe::info("Loading the application in pid {} (template of generation {})", process->pid(),
                  plan->generation);
    processes_.push_back(std::move(process));
  } catch (const std::exception& error) {
    backoff_.failed(now);
    is_missing_ = true;
    observe::error("cannot start the template of generation {}: {}", plan->generation,
                   error.what());
  }
}

TemplateProcess* Templates::ready_for(const Plan& plan) const noexcept {
  for (const Process& process : processes_) {
    if (&process->plan() == &plan && process->stage() == TemplateProcess::Stage::ready &&
        process->fd() >= 0) {
      return process.get();
    }
  }
  return nullptr;
}

std::optional<Templates::Death> Templates::reap(pid_t pid, int status, TimePoint now) {
  const auto found = std::find_if(processes_.begin(), processes_.end(),
                                  [pid](const Process& process) { return process->pid() == pid; });
  if (found == processes_.end()) {
    return std::nullopt;
  }
  const Process process = std::move(*found);
  processes_.erase(found);
  process->hear();
  process->forget();
  backoff_.died(now - process->started(), now);
  observe::error("{}", report_death(*process, pid, status, now));
  return Death{process->shared_plan(), process->stage() == TemplateProcess::Stage::loading};
}

void Templates::add_to(std::vector<pollfd>& poll_set) const {
  for (const Process& process : processes_) {
    if (process->fd() >= 0) {
      poll_set.push_back({process->fd(), POLLIN, 0});
    }
  }
}

TimePoint Templates::due() const noexcept {
  TimePoint due = is_missing_ ? backoff_.not_before() : TimePoint::max();
  for (const Process& process : processes_) {
    due = std::min(due, process->due());
  }
  return due;
}

void Templates::reopen_logs() noexcept {
  for (const Process& process : processes_) {
    process->reopen_logs();
  }
}

void Templates::close_in_child() noexcept {
  for (const Process& process : processes_) {
    process->close_in_child();
  }
}

}  // namespace uringcorn::arbiter
