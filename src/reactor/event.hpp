// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>

#include <uringcorn/cancel.hpp>

namespace uringcorn::reactor {

struct EventHook : detail::ListHook {};

/// Something that happens and then stays so until reset(). Any number of coroutines may wait.
/// Belongs to one reactor's thread, and must outlive its waits.
class Event {
 public:
  bool is_set() const noexcept { return set_; }
  /// Resumes all who wait, from the reactor's loop.
  void set() noexcept;
  void reset() noexcept { set_ = false; }

  /// Gives true when the event was set, false when the scope was cancelled first.
  class Wait final : private CancelWaiter, private EventHook {
   public:
    explicit Wait(Event& event) noexcept : event_(event), happened_(event.set_) {}

    bool await_ready() const noexcept { return happened_; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      return begin(awaiting, awaiting.promise().scope);
    }
    bool await_resume() const noexcept { return happened_; }

   private:
    friend class Event;
    bool begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept;
    void on_cancel() noexcept override;

    Event& event_;
    bool happened_;
    std::coroutine_handle<> waiter_;
  };
  Wait wait() noexcept { return Wait(*this); }

 private:
  bool set_ = false;
  EventHook waiting_;
};

}  // namespace uringcorn::reactor
