// SPDX-License-Identifier: MIT
#pragma once

#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// The signals that steer the arbiter, as a descriptor for its loop. From its construction on they
/// are blocked in this thread and wait to be taken, so none is lost however early or busy it is;
/// the kernel keeps one of each kind. Children inherit the mask: a worker unblocks what it handles.
class Signals {
 public:
  /// Throws std::system_error.
  Signals();

  int fd() const noexcept { return fd_.get(); }
  /// The next signal that has come; 0: none.
  int take() const noexcept;
  /// In a child: these signals are the arbiter's.
  void close() noexcept { fd_.reset(); }

 private:
  UniqueFd fd_;
};

}  // namespace uringcorn::arbiter
