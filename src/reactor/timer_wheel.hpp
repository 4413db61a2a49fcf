// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <uringcorn/time.hpp>

namespace uringcorn::reactor {

/// A hierarchical timing wheel: arming, moving and disarming a timer cost a few links, whatever the
/// number of timers. One tick is a millisecond. Each level has 64 slots, each slot of a level spans
/// a whole turn of the level below; timers move down as their time comes near.
class TimerWheel {
 public:
  explicit TimerWheel(Clock::time_point now) noexcept;

  void arm(detail::Timer& timer, Clock::time_point deadline) noexcept;
  /// Fires every timer whose deadline is not after `now`. Timers armed meanwhile for the past fire
  /// at the next call.
  void advance(Clock::time_point now) noexcept;
  /// When advance() has something to do; max: nothing. As early or late as until_next() says.
  Clock::time_point next_due() const noexcept;
  /// How long from `now` until advance() has something to do; at most `limit`. May be earlier than
  /// the next deadline (a slot of a higher level to take apart), never later.
  Clock::duration until_next(Clock::time_point now, Clock::duration limit) const noexcept;

 private:
  static constexpr unsigned k_levels = 7;
  static constexpr unsigned k_slot_bits = 6;
  static constexpr unsigned k_slots = 1U << k_slot_bits;

  std::uint64_t tick_at(Clock::time_point time) const noexcept;
  void place(detail::Timer& timer) noexcept;
  void take_apart(unsigned level, unsigned slot) noexcept;
  std::uint64_t next_tick() const noexcept;

  Clock::time_point origin_;
  std::uint64_t now_tick_ = 0;
  /// A set bit means that the slot may hold timers (one that was disarmed leaves its bit).
  std::array<std::uint64_t, k_levels> occupied_{};
  std::array<std::array<detail::ListHook, k_slots>, k_levels> slots_;
};

}  // namespace uringcorn::reactor
