// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// The arbiter that started this one by USR2, for as long as it lives beside it.
class Predecessor {
 public:
  /// There is none.
  Predecessor() noexcept = default;
  /// The parent of this process, if that is still `pid`.
  explicit Predecessor(pid_t pid) noexcept;

  bool lives() const noexcept;
  pid_t pid() const noexcept { return pid_; }
  /// Readable when it has died; negative if there is none.
  int fd() const noexcept { return process_.get(); }
  /// It has died, or this is a child, whose affair it is not.
  void forget() noexcept { process_.reset(); }

 private:
  pid_t pid_ = 0;
  UniqueFd process_;
};

}  // namespace uringcorn::arbiter
