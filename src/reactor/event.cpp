// SPDX-License-Identifier: MIT
#include "reactor/event.hpp"

#include <utility>

#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

void Event::set() noexcept {
  set_ = true;
  if (Wait* wait = std::exchange(waiting_, nullptr)) {
    wait->unwatch();
    Reactor::current().resume_later(wait->waiter_);
  }
}

bool Event::Wait::begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept {
  if (scope->cancelled()) {
    return false;
  }
  waiter_ = awaiting;
  event_.waiting_ = this;
  watch(scope);
  return true;
}

void Event::Wait::on_cancel() noexcept {
  event_.waiting_ = nullptr;
  Reactor::current().resume_later(waiter_);
}

}  // namespace uringcorn::reactor
