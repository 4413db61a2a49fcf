// SPDX-License-Identifier: MIT
#include "coro/strand.hpp"

#include <utility>

#include "coro/timer_access.hpp"

namespace uringcorn::coro {
namespace {

std::uint64_t tick_of(Clock::time_point time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

Clock::time_point time_of(std::uint64_t tick) noexcept {
  return Clock::time_point(Clock::duration(static_cast<Clock::rep>(tick)));
}

}  // namespace

constinit thread_local Strand* Strand::t_current = nullptr;

void Strand::arm(detail::Timer& timer, Clock::time_point deadline) noexcept {
  detail::ListHook& hook = TimerAccess::hook(timer);
  hook.unlink();
  const std::uint64_t tick = tick_of(deadline);
  TimerAccess::tick(timer) = tick;
  detail::ListHook* after = timers_.previous;
  while (after != &timers_ && TimerAccess::tick(TimerAccess::owner(*after)) > tick) {
    after = after->previous;
  }
  after->next->push_back(hook);
}

std::stop_token Strand::stop_token() {
  const std::lock_guard lock(mutex_);
  if (!stop_source_) {
    stop_source_.emplace();
    if (cancelled_) {
      stop_source_->request_stop();
    }
  }
  return stop_source_->get_token();
}

bool Strand::try_begin() {
  const bool is_admitted = pool_.try_submit(*this);
  if (is_admitted) {
    submitted(pool_);
  }
  return is_admitted;
}

void Strand::begin() {
  pool_.submit(*this);
  submitted(pool_);
}

void Strand::post(Message& message) {
  {
    const std::lock_guard lock(mutex_);
    if (message.linked()) {
      return;
    }
    inbox_.push_back(message);
    if (std::exchange(state_, State::scheduled) == State::scheduled) {
      return;
    }
  }
  begin();
}

void Strand::cancel() {
  std::optional<std::stop_source> stop_source;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    stop_source = stop_source_;
  }
  if (stop_source) {
    stop_source->request_stop();
  }
  post(cancel_message_);
}

void Strand::run() noexcept {
  t_current = this;
  bool is_finished = false;
  do {
    deliver_messages();
    if (!std::exchange(started_, true)) {
      start();
    }
    fire_timers();
    resume_ready();
    is_finished = finished();
  } while (!is_finished && !rest());
  t_current = nullptr;
  if (is_finished) {
    finish();
  }
}

void Strand::deliver_messages() noexcept {
  for (;;) {
    Message* message = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (!inbox_.linked()) {
        return;
      }
      message = static_cast<Message*>(inbox_.next);
      message->unlink();
    }
    message->deliver();
  }
}

void Strand::fire_timers() noexcept {
  if (!timers_.linked()) {
    return;
  }
  const std::uint64_t now = tick_of(Clock::now());
  while (timers_.linked()) {
    detail::Timer& timer = TimerAccess::owner(*timers_.next);
    if (TimerAccess::tick(timer) > now) {
      return;
    }
    timer.disarm();
    TimerAccess::fire(timer);
  }
}

void Strand::resume_ready() noexcept {
  std::swap(resuming_, resumable_);
  for (const std::coroutine_handle<> awaiting : resuming_) {
    awaiting.resume();
  }
  resuming_.clear();
}

/// False: there is something to do already. True: the strand may be run by another thread, or be
/// gone, by now.
bool Strand::rest() noexcept {
  if (!resumable_.empty()) {
    return false;
  }
  if (timers_.linked()) {
    wake_by(time_of(TimerAccess::tick(TimerAccess::owner(*timers_.next))));
  }
  const std::lock_guard lock(mutex_);
  if (inbox_.linked()) {
    return false;
  }
  state_ = State::resting;
  return true;
}

}  // namespace uringcorn::coro
