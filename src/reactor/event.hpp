// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>

#include <uringcorn/cancel.hpp>

namespace uringcorn::reactor {

/// Something that happens once and then stays so until reset(). One coroutine at a time may wait.
/// Belongs to one reactor's thread.
class Event {
 public:
  bool is_set() const noexcept { return set_; }
  /// Resumes who waits, from the reactor's loop.
  void set() noexcept;
  void reset() noexcept { set_ = false; }

  /// Gives true when the event is set, false when the scope was cancelled.
  class Wait final : private CancelWaiter {
   public:
    explicit Wait(Event& event) noexcept : event_(event) {}

    bool await_ready() const noexcept { return event_.set_; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      return begin(awaiting, awaiting.promise().scope);
    }
    bool await_resume() const noexcept { return event_.set_; }

   private:
    friend class Event;
    bool begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept;
    void on_cancel() noexcept override;

    Event& event_;
    std::coroutine_handle<> waiter_;
  };
  Wait wait() noexcept { return Wait(*this); }

 private:
  bool set_ = false;
  Wait* waiting_ = nullptr;
};

}  // namespace uringcorn::reactor
