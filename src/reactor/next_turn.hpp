// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>

#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

/// `co_await NextTurn()` lets the reactor's loop go round once: who has much to do gives the others
/// their turn.
struct NextTurn {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    Reactor::current().resume_later(awaiting);
  }
  void await_resume() const noexcept {}
};

}  // namespace uringcorn::reactor
