// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <uringcorn/time.hpp>

namespace uringcorn {

/// Opens a Timer to those who keep timers.
class TimerAccess {
 public:
  static detail::ListHook& hook(detail::Timer& timer) noexcept { return timer.hook_; }
  static std::uint64_t& tick(detail::Timer& timer) noexcept { return timer.tick_; }
  static void fire(detail::Timer& timer) noexcept { timer.on_timer(); }
  static detail::Timer& owner(detail::ListHook& hook) noexcept {
    return *static_cast<detail::Timer::Hook&>(hook).owner;
  }
};

}  // namespace uringcorn
