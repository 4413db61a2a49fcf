// SPDX-License-Identifier: MIT
#include "reactor/timer_wheel.hpp"

#include <algorithm>
#include <bit>

#include "coro/timer_access.hpp"

namespace uringcorn::reactor {
namespace {

constexpr auto k_tick = std::chrono::milliseconds(1);

}  // namespace

TimerWheel::TimerWheel(Clock::time_point now) noexcept : origin_(now) {}

std::uint64_t TimerWheel::tick_at(Clock::time_point time) const noexcept {
  return time <= origin_ ? 0 : static_cast<std::uint64_t>((time - origin_) / k_tick);
}

void TimerWheel::arm(detail::Timer& timer, Clock::time_point deadline) noexcept {
  constexpr std::uint64_t k_last_tick = (std::uint64_t{1} << (k_levels * k_slot_bits)) - 1;
  // Rounded up, so that no timer fires before its deadline.
  const std::uint64_t tick = tick_at(deadline - Clock::duration(1)) + 1;
  TimerAccess::tick(timer) = std::min(std::max(tick, now_tick_ + 1), k_last_tick);
  place(timer);
}

void TimerWheel::place(detail::Timer& timer) noexcept {
  // The highest digit (base 64) in which the deadline differs from now is its level: so all timers
  // of a level come due before any of the level above.
  const std::uint64_t tick = TimerAccess::tick(timer);
  const std::uint64_t differing = (tick ^ now_tick_) | 1;
  const unsigned level = (63U - static_cast<unsigned>(std::countl_zero(differing))) / k_slot_bits;
  const unsigned slot = (tick >> (level * k_slot_bits)) % k_slots;
  TimerAccess::hook(timer).unlink();
  slots_[level][slot].push_back(TimerAccess::hook(timer));
  occupied_[level] |= std::uint64_t{1} << slot;
}

/// The tick of the first slot that is not empty, as far as is known; UINT64_MAX without one.
std::uint64_t TimerWheel::next_tick() const noexcept {
  for (unsigned level = 0; level < k_levels; level++) {
    if (occupied_[level] != 0) {
      const auto slot = static_cast<std::uint64_t>(std::countr_zero(occupied_[level]));
      const unsigned shift = level * k_slot_bits;
      const std::uint64_t above = now_tick_ >> (shift + k_slot_bits) << (shift + k_slot_bits);
      return above + (slot << shift);
    }
  }
  return UINT64_MAX;
}

void TimerWheel::advance(Clock::time_point now) noexcept {
  const std::uint64_t target = tick_at(now);
  for (std::uint64_t next = next_tick(); next <= target; next = next_tick()) {
    now_tick_ = next;
    for (unsigned level = 0; level < k_levels; level++) {
      if (occupied_[level] != 0) {
        take_apart(level, static_cast<unsigned>(std::countr_zero(occupied_[level])));
        break;
      }
    }
  }
  now_tick_ = std::max(now_tick_, target);
}

void TimerWheel::take_apart(unsigned level, unsigned slot) noexcept {
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  detail::ListHook due;
  while (slots_[level][slot].linked()) {
    detail::ListHook& hook = *slots_[level][slot].next;
    hook.unlink();
    due.push_back(hook);
  }
  while (due.linked()) {
    detail::Timer& timer = TimerAccess::owner(*due.next);
    TimerAccess::hook(timer).unlink();
    if (TimerAccess::tick(timer) <= now_tick_) {
      TimerAccess::fire(timer);
    } else {
      place(timer);
    }
  }
}

Clock::time_point TimerWheel::next_due() const noexcept {
  const std::uint64_t next = next_tick();
  return next == UINT64_MAX ? Clock::time_point::max()
                            : origin_ + k_tick * static_cast<std::int64_t>(next);
}

Clock::duration TimerWheel::until_next(Clock::time_point now,
                                       Clock::duration limit) const noexcept {
  const Clock::time_point due = next_due();
  return due == Clock::time_point::max() ? limit
                                         : std::clamp(due - now, Clock::duration::zero(), limit);
}

}  // namespace uringcorn::reactor
