// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <coroutine>
#include <utility>

#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

/// Something that happens once. One coroutine may wait for it, and waits whatever becomes of its
/// scope: for what is sure to come, because cancellation brings it about too.
class Latch {
 public:
  bool is_set() const noexcept { return set_; }
  /// Resumes the one who waits, from the reactor's loop.
  void set() {
    set_ = true;
    if (waiter_) {
      Reactor::current().resume_later(std::exchange(waiter_, nullptr));
    }
  }

  auto operator co_await() noexcept {
    struct Awaiter {
      Latch& latch;

      bool await_ready() const noexcept { return latch.set_; }
      void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        assert(!latch.waiter_);
        latch.waiter_ = awaiting;
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

 private:
  bool set_ = false;
  std::coroutine_handle<> waiter_;
};

}  // namespace uringcorn::reactor
