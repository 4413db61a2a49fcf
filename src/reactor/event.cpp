// SPDX-License-Identifier: MIT
#include "reactor/event.hpp"

#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

void Event::set() noexcept {
  set_ = true;
  while (waiting_.linked()) {
    auto& hook = static_cast<EventHook&>(*waiting_.next);
    hook.unlink();
    auto& wait = static_cast<Wait&>(hook);
    wait.unwatch();
    wait.happened_ = true;
    Reactor::current().resume_later(wait.waiter_);
  }
}

bool Event::Wait::begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept {
  if (scope != nullptr && scope->cancelled()) {
    return false;
  }
  waiter_ = awaiting;
  event_.waiting_.push_back(static_cast<EventHook&>(*this));
  watch(scope);
  return true;
}

void Event::Wait::on_cancel() noexcept {
  EventHook::unlink();
  Reactor::current().resume_later(waiter_);
}

}  // namespace uringcorn::reactor
