// SPDX-License-Identifier: MIT
#include "arbiter/crew.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "arbiter/death_report.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

// Workers that are there in excess while places change hands, leaving ones included: so a reload
// never doubles the memory in use.
constexpr std::size_t k_replaced_at_once = 1;

}  // namespace

template <class Self, class Function>
void Crew::for_each(Self& self, Function function) {
  for (auto& slot : self.slots_) {
    if (slot.current) {
      function(*slot.current);
    }
    if (slot.successor) {
      function(*slot.successor);
    }
  }
  for (auto& worker : self.leaving_) {
    function(*worker);
  }
}

Crew::Crew(std::shared_ptr<const Plan> plan, Hooks hooks)
    : hooks_(std::move(hooks)),
      heartbeats_(plan->settings.worker_tmp_dir),
      plan_(std::move(plan)) {}

// ---- what there should be ----

void Crew::resize(unsigned workers, TimePoint now) {
  while (slots_.size() > workers) {
    const auto oldest =
        std::min_element(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) {
          const auto started = [](const Slot& slot) {
            return slot.current ? slot.current->started() : TimePoint::min();
          };
          return started(a) < started(b);
        });
    dismiss(std::move(oldest->current), now);
    dismiss(std::move(oldest->successor), now);
    slots_.erase(oldest);
  }
  while (slots_.size() < workers) {
    unsigned number = 0;
    while (number < slots_.size() && slots_[number].number == number) {
      ++number;
    }
    slots_.insert(slots_.begin() + number, Slot{.number = number});
  }
}

void Crew::renew(std::shared_ptr<const Plan> plan) {
  const bool serving = std::any_of(slots_.begin(), slots_.end(),
                                   [](const Slot& slot) { return slot.current != nullptr; });
  candidate_ = nullptr;
  (serving ? candidate_ : plan_) = std::move(plan);
  renewing_ = true;
}

void Crew::hurry(TimePoint now) {
  for (const Process& worker : leaving_) {
    worker->end_quickly(now);
  }
}

void Crew::kill() {
  for (const Process& worker : leaving_) {
    worker->kill();
  }
}

void Crew::signal(int number) noexcept {
  for_each(*this, [number](WorkerProcess& worker) { worker.signal(number); });
}

// ---- steps ----

void Crew::add_to(std::vector<pollfd>& poll_set) const {
  for_each(*this, [&poll_set](const WorkerProcess& worker) {
    if (worker.message_fd() >= 0) {
      poll_set.push_back({worker.message_fd(), POLLIN, 0});
    }
  });
}

void Crew::tend(TimePoint now, TimePoint grace_from) {
  hear();
  reap(now);
  for_each(*this, [=](WorkerProcess& worker) { worker.enforce(now, grace_from); });
  drop_outdated_successors(now);
  hand_over(now);
  fill(now);
  start_successors(now);
  finish_renewal();
}

TimePoint Crew::due(TimePoint grace_from) const {
  TimePoint due = TimePoint::max();
  for_each(*this, [&due, grace_from](const WorkerProcess& worker) {
    due = std::min(due, worker.due(grace_from));
  });
  for (const Slot& slot : slots_) {
    // Those who were allowed to start, and whose time had come, have been started.
    if (may_fill(slot) || may_succeed(slot)) {
      due = std::min(due, slot.backoff.not_before());
    }
  }
  return due;
}

std::vector<unsigned> Crew::numbers() const {
  std::vector<unsigned> numbers;
  for (const Slot& slot : slots_) {
    numbers.push_back(slot.number);
  }
  return numbers;
}

bool Crew::empty() const noexcept {
  return leaving_.empty() && std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
           return slot.current || slot.successor;
         });
}

std::optional<int> Crew::gave_up() const noexcept {
  return boot_failure_ && empty() ? boot_failure_ : std::nullopt;
}

// ---- dying ----

void Crew::hear() {
  for_each(*this, [this](WorkerProcess& worker) {
    worker.hear();
    note_ready(worker);
  });
  for (Slot& slot : slots_) {
    // A worker that leaves by itself (somebody sent it a signal) has vacated its place.
    if (slot.current && slot.current->stage() == WorkerProcess::Stage::leaving) {
      leaving_.push_back(std::move(slot.current));
    }
  }
}

void Crew::reap(TimePoint now) {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
       pid = ::waitpid(-1, &status, WNOHANG)) {
    // Other children are orphans that fall to process 1, or the arbiter's own affair.
    if (Process dead = take_out(pid, now)) {
      dead->hear();
      bury(*dead, status, now);
    } else {
      hooks_.other_died(pid, status);
    }
  }
}

/// The process of this pid, out of where it was; null: not one of ours.
Crew::Process Crew::take_out(pid_t pid, TimePoint now) {
  const auto is_it = [pid](const Process& worker) { return worker && worker->pid() == pid; };
  for (Slot& slot : slots_) {
    for (Process* place : {&slot.current, &slot.successor}) {
      if (is_it(*place)) {
        slot.backoff.died(now - (*place)->started(), now);
        return std::move(*place);
      }
    }
  }
  const auto found = std::find_if(leaving_.begin(), leaving_.end(), is_it);
  if (found == leaving_.end()) {
    return nullptr;
  }
  Process worker = std::move(*found);
  leaving_.erase(found);
  return worker;
}

void Crew::bury(const WorkerProcess& dead, int status, TimePoint now) {
  note_ready(dead);
  const DeathReport report = report_death(dead, status, oom_events_.happened(), now);
  observe::log(report.level, "{}", report.line);
  if (dead.stage() != WorkerProcess::Stage::booting) {
    return;
  }
  if (!ever_ready_ && !boot_failure_) {
    const bool says_why = WIFEXITED(status) && WEXITSTATUS(status) != 0;
    boot_failure_ = says_why ? WEXITSTATUS(status) : worker::k_exit_failed_to_boot;
  }
  if (candidate_ && dead.plan().generation == candidate_->generation) {
    observe::error("Reload abandoned: generation {} fails to boot, generation {} goes on",
                   candidate_->generation, plan_->generation);
    candidate_ = nullptr;
    renewing_ = false;
  }
}

void Crew::note_ready(const WorkerProcess& worker) {
  if (worker.stage() != WorkerProcess::Stage::ready) {
    return;
  }
  ever_ready_ = true;
  boot_failure_.reset();
  if (candidate_ && worker.plan().generation == candidate_->generation) {
    plan_ = std::exchange(candidate_, nullptr);
  }
}

// ---- leaving ----

void Crew::dismiss(Process worker, TimePoint now) {
  if (worker) {
    worker->drain(now);
    leaving_.push_back(std::move(worker));
  }
}

void Crew::drop_outdated_successors(TimePoint now) {
  for (Slot& slot : slots_) {
    if (slot.successor && is_outdated(*slot.successor)) {
      dismiss(std::move(slot.successor), now);
    }
  }
}

void Crew::hand_over(TimePoint now) {
  for (Slot& slot : slots_) {
    if (slot.successor && slot.successor->stage() == WorkerProcess::Stage::ready) {
      dismiss(std::move(slot.current), now);
    }
    if (slot.successor && !slot.current) {
      slot.current = std::move(slot.successor);
    }
  }
}

// ---- coming ----

void Crew::fill(TimePoint now) {
  for (Slot& slot : slots_) {
    if (may_fill(slot) && now >= slot.backoff.not_before()) {
      start(slot.current, slot, plan_, now);
    }
  }
}

/// While none was ever ready, what failed to boot once is not tried again: see gave_up().
bool Crew::may_fill(const Slot& slot) const noexcept {
  return !slot.current && !boot_failure_;
}

void Crew::start_successors(TimePoint now) {
  for (Slot& slot : slots_) {
    if (may_succeed(slot) && now >= slot.backoff.not_before()) {
      start(slot.successor, slot, wanted(), now);
    }
  }
}

bool Crew::may_succeed(const Slot& slot) const noexcept {
  if (!slot.current || slot.successor || !is_outdated(*slot.current)) {
    return false;
  }
  const auto successors = std::count_if(slots_.begin(), slots_.end(),
                                        [](const Slot& each) { return each.successor != nullptr; });
  return leaving_.size() + static_cast<std::size_t>(successors) < k_replaced_at_once;
}

void Crew::start(Process& into, Slot& slot, const std::shared_ptr<const Plan>& plan,
                 TimePoint now) {
  try {
    auto worker = std::make_unique<WorkerProcess>(plan, slot.number, heartbeats_, scoreboard_);
    if (worker->fork()) {
      for_each(*this, [](WorkerProcess& other) { other.close_in_child(); });
      hooks_.close_in_child(*plan, slot.number);
      worker->live(hooks_.entry);
    }
    observe::info("Booting worker with pid: {} (worker {}, generation {})", worker->pid(),
                  slot.number, plan->generation);
    into = std::move(worker);
  } catch (const std::exception& error) {
    slot.backoff.failed(now);
    observe::error("cannot start worker {}: {}; trying again in {:.1f} s", slot.number,
                   error.what(), std::chrono::duration<double>(slot.backoff.wait()).count());
  }
}

void Crew::finish_renewal() {
  const bool done =
      renewing_ && std::all_of(slots_.begin(), slots_.end(), [this](const Slot& slot) {
        return slot.current && !is_outdated(*slot.current) &&
               slot.current->stage() == WorkerProcess::Stage::ready;
      });
  if (done) {
    renewing_ = false;
    observe::info("Reload done: generation {} serves", plan_->generation);
  }
}

}  // namespace uringcorn::arbiter
