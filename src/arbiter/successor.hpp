// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include "arbiter/handover.hpp"
#include "arbiter/start.hpp"

namespace uringcorn::arbiter {

/// The new arbiter that USR2 starts: a child of this one that executes the program now on disk, as
/// this one was started, with the same sockets and ticket keys. Both serve until the operator ends
/// one of them.
class Successor {
 public:
  /// `start` must outlive it.
  explicit Successor(const Start& start) : start_(start) {}

  /// Whether one is alive.
  bool lives() const noexcept { return pid_ != 0; }
  pid_t pid() const noexcept { return pid_; }

  /// Starts one. Failures are told in the log; the one that cannot be told from here, that the new
  /// program ends by itself, comes with died().
  void begin(const Estate& estate);
  /// A child has died. Does nothing if it is not this one.
  void died(pid_t pid, int status, bool stopping);

 private:
  [[noreturn]] void execute(pid_t predecessor, const Estate& estate) const;

  const Start& start_;
  pid_t pid_ = 0;
};

}  // namespace uringcorn::arbiter
