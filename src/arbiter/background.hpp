// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// --daemon: the server in the background, and the command that the caller typed, which waits in
/// the foreground until it is known whether the server has started.
class Background {
 public:
  /// Leaves the caller's session. Returns twice: in the process that goes on as the server nothing,
  /// and in the caller's, once the start has succeeded or failed, the exit code. Throws
  /// std::system_error.
  std::optional<int> enter();

  /// The start has succeeded: the caller gets its prompt back, and this process leaves the
  /// terminal. Does nothing when the caller knows already, or there is none.
  void tell_started() noexcept;
  /// The start has failed; the caller's code is this one.
  void tell_failed(int code) noexcept;
  /// In a child: it is not the one to tell.
  void close_in_child() noexcept { caller_.reset(); }

 private:
  void tell(int code) noexcept;

  UniqueFd caller_;
};

}  // namespace uringcorn::arbiter
