// SPDX-License-Identifier: MIT
#pragma once

#include "base/unique_fd.hpp"

namespace uringcorn::worker {

/// The signals that a worker answers (TERM, INT, QUIT, USR1), as a descriptor for its loop; those
/// that would only disturb it are ignored from then on.
class Signals {
 public:
  /// Throws std::system_error.
  Signals();

  int fd() const noexcept { return fd_.get(); }
  /// The next signal that has come; 0: none.
  int take() const noexcept;

 private:
  UniqueFd fd_;
};

}  // namespace uringcorn::worker
