// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"

namespace uringcorn::reactor {

/// What a foreign event loop polls in a reactor's stead: one descriptor that is readable when a
/// completion has come, when another thread has posted something, or when the time that was set is
/// over.
class Driver {
 public:
  /// `completions` is readable when there are some, and so is the eventfd `posts`, although the
  /// ring polls that, too: what a write to an eventfd brings about, the kernel does not tell by
  /// another eventfd (such as `completions`) at once. Throws std::system_error.
  Driver(int completions, int posts);

  int fd() const noexcept { return epoll_.get(); }
  /// Becomes readable then, at once if that is past, and never for a time that was set before.
  /// Costs no system call if it is what was set before and still to come.
  void wake_at(Clock::time_point time) noexcept;

 private:
  UniqueFd epoll_;
  UniqueFd timer_;
  Clock::time_point wake_at_ = Clock::time_point::max();
};

}  // namespace uringcorn::reactor
