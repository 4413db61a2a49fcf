// SPDX-License-Identifier: MIT
#include "reactor/crossing.hpp"

#include <utility>

namespace uringcorn::reactor {

Crossing::Crossing(coro::ThreadPool& pool, CancelScope& scope) noexcept
    : Strand(pool), home_(Reactor::current()), outer_(scope), calls_(scope) {}

bool Crossing::depart(std::coroutine_handle<> awaiting, Admission admission) {
  if (outer_.cancelled()) {
    passage_ = Passage::cancelled;
    return false;
  }
  if (admission == Admission::always) {
    begin();
  } else if (!try_begin()) {
    passage_ = Passage::refused;
    return false;
  }
  waiter_ = awaiting;
  cancellation_.watch(&outer_);
  return true;
}

void Crossing::cancelled() noexcept {
  if (withdraw()) {
    passage_ = Passage::cancelled;
    home_.resume_later(waiter_);
  } else {
    cancel();
  }
}

void Crossing::arrive() {
  cancellation_.unwatch();
  alarm_.disarm();
  waiter_.resume();
}

void Crossing::finish() noexcept {
  discard_root();
  home_.post(arrival_);
}

// ---- timers

void Crossing::wake_by(Clock::time_point deadline) noexcept {
  if (deadline >= alarm_message_.armed_for) {
    return;
  }
  alarm_message_.armed_for = deadline;
  alarm_.deadline.store(deadline.time_since_epoch().count());
  if (!alarm_.on_its_way.exchange(true)) {
    home_.post(alarm_);
  }
}

void Crossing::Alarm::perform() {
  on_its_way.store(false);
  arm(Clock::time_point(Clock::duration(deadline.load())));
}

void Crossing::Alarm::on_timer() noexcept {
  crossing_.post(crossing_.alarm_message_);
}

// ---- calls of the reactor

Task<void> Crossing::perform(ReactorCall& call) {
  CancelScope scope(calls_.scope());
  call.place_.scope = &scope;
  active_calls_.push_back(call.place_);
  co_await call.perform(scope);
  call.place_.unlink();
  post(call.answer_);
}

/// By its number, because the call may have been answered meanwhile, and be gone.
void Crossing::cancel_call(std::uint64_t number) noexcept {
  for (detail::ListHook* hook = active_calls_.next; hook != &active_calls_; hook = hook->next) {
    auto& place = static_cast<ReactorCall::Place&>(*hook);
    if (place.number == number) {
      place.scope->cancel();
      return;
    }
  }
}

bool ReactorCall::begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept {
  if (scope != nullptr && scope->cancelled()) {
    is_refused_ = true;
    return false;
  }
  waiter_ = awaiting;
  cancellation_.watch(scope);
  place_.number = ++crossing_.last_call_;
  crossing_.home_.post(request_);
  return true;
}

void ReactorCall::cancelled() noexcept {
  crossing_.home_.post(
      [&crossing = crossing_, number = place_.number] { crossing.cancel_call(number); });
}

}  // namespace uringcorn::reactor
