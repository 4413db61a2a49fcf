// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include "base/unique_fd.hpp"

namespace uringcorn::worker {

/// The signals that a worker answers (TERM, INT, QUIT, USR1), as a descriptor for its loop; those
/// that would only disturb it are ignored from then on.
class Signals {
 public:
  struct Taken {
    int signal = 0;    ///< 0: none
    pid_t sender = 0;  ///< 0: a process of another namespace
  };

  /// Throws std::system_error.
  Signals();

  int fd() const noexcept { return fd_.get(); }
  /// The next signal that has come.
  Taken take() const noexcept;

 private:
  UniqueFd fd_;
};

}  // namespace uringcorn::worker
