// SPDX-License-Identifier: MIT
#include "arbiter/crew.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "arbiter/death_report.hpp"
#include "arbiter/sockets.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

/// Workers that are replaced at a time because they asked for it.
constexpr std::size_t k_recycled_at_once = 1;
/// A worker that asks for it younger than this waits: a limit below what an application needs from
/// the start is no reason to do nothing but boot.
constexpr Duration k_recycling_age = std::chrono::seconds(1);

int exit_code_of(int status) {
  const bool says_why = WIFEXITED(status) && WEXITSTATUS(status) != 0;
  return says_why ? WEXITSTATUS(status) : worker::k_exit_failed_to_boot;
}

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
      templates_(hooks_.preload, scoreboard_,
                 [this] {
                   close_workers_in_child();
                   hooks_.close_in_child(nullptr, 0);
                 }),
      plan_(std::move(plan)) {}

// ---- what there should be ----

void Crew::resize(unsigned workers, TimePoint now) {
  while (slots_.size() > workers) {
    const auto oldest =
        std::min_element(slots_.begin(), slots_.end(),
                         [](const Slot& a, const Slot& b) { return a.started() < b.started(); });
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
  candidate_ = nullptr;
  // While none was ever ready, there is nothing to go back to.
  (ever_ready_ ? candidate_ : plan_) = std::move(plan);
  renewing_ = true;
  boot_failure_.reset();
  for (Slot& slot : slots_) {
    slot.backoff = {};
    slot.restarts = {};
  }
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

void Crew::reopen_logs() noexcept {
  for_each(*this, [](WorkerProcess& worker) { worker.signal(SIGUSR1); });
  templates_.reopen_logs();
}

// ---- steps ----

void Crew::add_to(std::vector<pollfd>& poll_set) const {
  for_each(*this, [&poll_set](const WorkerProcess& worker) {
    if (worker.message_fd() >= 0) {
      poll_set.push_back({worker.message_fd(), POLLIN, 0});
    }
  });
  templates_.add_to(poll_set);
}

void Crew::tend(TimePoint now, TimePoint grace_from) {
  hear(now);
  reap(now);
  for_each(*this, [=](WorkerProcess& worker) { worker.enforce(now, grace_from); });
  tend_templates(now);
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
    due = std::min(due, slot.hand_over_at);
    // Those who were allowed to start, and whose time had come, have been started; a template that
    // is ready tells.
    if (!templates_.can_start(slot.current ? *wanted() : *plan_to_fill_with())) {
      continue;
    }
    if (may_fill(slot)) {
      due = std::min(due, slot.not_before());
    } else if (may_succeed(slot)) {
      const bool is_young = !is_outdated(*slot.current);
      due = std::min(due, std::max(slot.backoff.not_before(),
                                   is_young ? slot.started() + k_recycling_age : TimePoint::min()));
    }
  }
  return std::min(due, templates_.due());
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
  if (!empty()) {
    return std::nullopt;
  }
  return boot_failure_ ? boot_failure_ : crash_loop_;
}

// ---- dying ----

void Crew::hear(TimePoint now) {
  for_each(*this, [=, this](WorkerProcess& worker) {
    worker.hear();
    note_ready(worker);
    // When all of the server stops, its turn comes.
    if (worker.told_to_leave() && !scoreboard_.shutting_down()) {
      worker.drain(now);
    }
  });
  for (Slot& slot : slots_) {
    if (slot.current && slot.current->stage() == WorkerProcess::Stage::leaving) {
      leaving_.push_back(std::move(slot.current));
    }
  }
  drop_those_who_never_came(now);
}

/// Their template, which knows why, has said so in the log.
void Crew::drop_those_who_never_came(TimePoint now) {
  for (Slot& slot : slots_) {
    for (Process* place : {&slot.current, &slot.successor}) {
      if (*place && (*place)->never_came()) {
        place->reset();
        note_failed_start(slot, "its template could not fork it", now);
      }
    }
  }
  std::erase_if(leaving_, [](const Process& worker) { return worker->never_came(); });
}

void Crew::note_failed_start(Slot& slot, std::string_view cause, TimePoint now) {
  slot.backoff.failed(now);
  observe::error("cannot start worker {}: {}; trying again in {:.1f} s", slot.number, cause,
                 std::chrono::duration<double>(slot.backoff.wait()).count());
}

void Crew::reap(TimePoint now) {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
       pid = ::waitpid(-1, &status, WNOHANG)) {
    // Other children are orphans that fall to process 1, or the arbiter's own affair.
    if (Process dead = take_out(pid, now)) {
      dead->hear();
      bury(*dead, status, now);
    } else if (const std::optional<Templates::Death> death = templates_.reap(pid, status, now)) {
      if (death->was_loading) {
        judge_boot_failure(*death->plan, status);
      }
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
        const settings::Settings& settings = (*place)->plan().settings;
        slot.backoff.died(now - (*place)->started(), now);
        slot.restarts.spend(now, settings.max_restarts, settings.restart_window);
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
  if (dead.stage() == WorkerProcess::Stage::booting) {
    judge_boot_failure(dead.plan(), status);
  }
  look_for_crash_loop(status, now);
}

void Crew::judge_boot_failure(const Plan& plan, int status) {
  if (!ever_ready_ && !boot_failure_) {
    boot_failure_ = exit_code_of(status);
  }
  if (renewing_ && plan.generation == wanted()->generation) {
    abandon_renewal();
  }
}

void Crew::note_ready(const WorkerProcess& worker) {
  if (worker.stage() != WorkerProcess::Stage::ready) {
    return;
  }
  ever_ready_ = true;
  boot_failure_.reset();
  if (candidate_ && worker.plan().generation == candidate_->generation) {
    fallback_ = std::exchange(plan_, std::exchange(candidate_, nullptr));
  }
}

/// All restarts are spent, and nobody is there who serves or may yet come to.
void Crew::look_for_crash_loop(int status, TimePoint now) {
  const bool all_spent =
      !slots_.empty() && std::all_of(slots_.begin(), slots_.end(), [now](const Slot& slot) {
        return !slot.current && !slot.successor && slot.restarts.spent_until() > now;
      });
  if (all_spent && ever_ready_ && !crash_loop_) {
    crash_loop_ = exit_code_of(status);
    observe::critical("All workers have died too often: {} restarts (--max-restarts) are spent",
                      plan_->settings.max_restarts);
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
    if (!slot.successor) {
      continue;
    }
    if (slot.current && slot.successor->stage() == WorkerProcess::Stage::ready) {
      if (slot.hand_over_at == TimePoint::max()) {
        slot.hand_over_at = now + time_to_give_up_addresses(slot);
      }
      if (now >= slot.hand_over_at) {
        close_given_up(slot.current->plan(), slot.successor->plan());
        dismiss(std::move(slot.current), now);
      }
    }
    if (!slot.current && may_take_place(*slot.successor)) {
      slot.current = std::move(slot.successor);
      slot.hand_over_at = TimePoint::max();
    }
  }
}

/// Of one that dies, too; but who is on trial has first to be ready. Meanwhile somebody who is
/// known to work fills the place.
bool Crew::may_take_place(const WorkerProcess& successor) const noexcept {
  return successor.stage() == WorkerProcess::Stage::ready ||
         successor.plan().generation == plan_->generation;
}

/// Nobody will accept at addresses of which the last worker leaves: that they are refused to new
/// clients, and how long it stays for those who are on the way.
Duration Crew::time_to_give_up_addresses(const Slot& slot) {
  const Plan& old = slot.current->plan();
  const bool is_last = std::none_of(slots_.begin(), slots_.end(), [&](const Slot& other) {
    return &other != &slot && other.current && &other.current->plan() == &old;
  });
  const bool may_be_under_way =
      is_last && hooks_.is_alone() && give_up_addresses(old, slot.successor->plan());
  return may_be_under_way ? k_handshakes_end_within : Duration::zero();
}

// ---- coming ----

/// Of what failed to boot, while nothing ever did, no other template is made.
void Crew::tend_templates(TimePoint now) {
  const std::shared_ptr<const Plan> in_use[] = {plan_, candidate_, fallback_};
  const bool is_over = boot_failure_ || crash_loop_;
  templates_.tend(std::span(in_use).first(is_over ? 0 : 2), in_use, now);
}

/// Where somebody serves or is on trial, an empty place gets who is known to work.
void Crew::fill(TimePoint now) {
  const std::shared_ptr<const Plan> plan = plan_to_fill_with();
  for (Slot& slot : slots_) {
    if (may_fill(slot) && now >= slot.not_before() && templates_.can_start(*plan)) {
      start(slot.current, slot, plan, now);
    }
  }
}

/// While none was ever ready, what failed to boot once is not tried again: see gave_up().
bool Crew::may_fill(const Slot& slot) const noexcept {
  return !slot.current && !boot_failure_ && !crash_loop_;
}

void Crew::start_successors(TimePoint now) {
  if (!templates_.can_start(*wanted())) {
    return;
  }
  for (Slot* slot : slots_to_renew()) {
    const bool is_due = is_outdated(*slot->current) || now >= slot->started() + k_recycling_age;
    if (is_due && now >= slot->backoff.not_before() && may_succeed(*slot)) {
      start(slot->successor, *slot, wanted(), now);
    }
  }
}

/// The oldest first, so that reloads in quick succession reach all of them.
std::vector<Crew::Slot*> Crew::slots_to_renew() {
  std::vector<Slot*> slots;
  for (Slot& slot : slots_) {
    if (may_succeed(slot)) {
      slots.push_back(&slot);
    }
  }
  std::sort(slots.begin(), slots.end(),
            [](const Slot* a, const Slot* b) { return a->started() < b->started(); });
  return slots;
}

bool Crew::may_succeed(const Slot& slot) const noexcept {
  if (!slot.current || slot.successor) {
    return false;
  }
  if (is_outdated(*slot.current)) {
    return in_excess() < static_cast<std::size_t>(wanted()->settings.reload_batch);
  }
  return slot.current->wants_successor() && in_excess() < k_recycled_at_once;
}

/// Successors, and those that leave: how far the memory in use is above its usual measure.
std::size_t Crew::in_excess() const noexcept {
  const auto successors = std::count_if(slots_.begin(), slots_.end(),
                                        [](const Slot& slot) { return slot.successor != nullptr; });
  return leaving_.size() + static_cast<std::size_t>(successors);
}

bool Crew::has_anybody() const noexcept {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.current != nullptr || slot.successor != nullptr;
  });
}

void Crew::close_workers_in_child() noexcept {
  for_each(*this, [](WorkerProcess& other) { other.close_in_child(); });
  templates_.close_in_child();
}

void Crew::start(Process& into, Slot& slot, const std::shared_ptr<const Plan>& plan,
                 TimePoint now) {
  try {
    auto worker = std::make_unique<WorkerProcess>(plan, slot.number, heartbeats_, scoreboard_);
    if (TemplateProcess* const origin = templates_.ready_for(*plan)) {
      worker->be_forked_by(*origin);
    } else if (worker->fork()) {
      close_workers_in_child();
      hooks_.close_in_child(plan.get(), slot.number);
      worker->live(hooks_.entry);
    }
    into = std::move(worker);
  } catch (const std::exception& error) {
    note_failed_start(slot, error.what(), now);
  }
}

// ---- renewals ----

/// A worker of the wanted plan failed to boot. What serves goes on; what has been replaced already
/// is replaced once more.
void Crew::abandon_renewal() {
  if (candidate_) {
    observe::error("Reload abandoned: generation {} fails to boot, generation {} goes on",
                   candidate_->generation, plan_->generation);
    candidate_ = nullptr;
    renewing_ = fallback_ != nullptr;  // The one before was under way.
  } else if (fallback_) {
    observe::error("Reload abandoned: generation {} fails to boot, going back to generation {}",
                   plan_->generation, fallback_->generation);
    plan_ = std::exchange(fallback_, nullptr);
  }
}

void Crew::finish_renewal() {
  const bool done = renewing_ && !candidate_ && !slots_.empty() &&
                    std::all_of(slots_.begin(), slots_.end(), [this](const Slot& slot) {
                      return slot.current && !is_outdated(*slot.current) &&
                             slot.current->stage() == WorkerProcess::Stage::ready;
                    });
  if (done) {
    renewing_ = false;
    fallback_ = nullptr;
    observe::info("Reload done: generation {} serves", plan_->generation);
  }
}

}  // namespace uringcorn::arbiter
