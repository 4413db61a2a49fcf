// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <utility>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "reactor/event.hpp"

namespace uringcorn::worker {

/// Lets one at a time go on, in the order in which they came. Belongs to one reactor.
class Turn {
 public:
  /// Holds the turn until it is destroyed.
  class Holder {
   public:
    explicit Holder(Turn& turn) noexcept : turn_(&turn) {}
    Holder(Holder&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Holder& operator=(Holder&&) = delete;
    ~Holder() {
      if (turn_ != nullptr) {
        turn_->pass_on();
      }
    }

   private:
    Turn* turn_;
  };

  /// `changed(taken)` is called when the turn is taken and when it is free again.
  explicit Turn(std::function<void(bool)> changed) : changed_(std::move(changed)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Waits for the turn. Throws Cancelled.
  Task<Holder> take();

  /// `now` if nobody has it, else when it was taken.
  Clock::time_point last_free(Clock::time_point now) const noexcept {
    return is_taken_ ? taken_at_ : now;
  }

 private:
  struct Waiter : detail::ListHook {
    reactor::Event granted;
  };

  void pass_on() noexcept;

  std::function<void(bool)> changed_;
  detail::ListHook waiting_;
  Clock::time_point taken_at_;
  bool is_taken_ = false;
};

}  // namespace uringcorn::worker
