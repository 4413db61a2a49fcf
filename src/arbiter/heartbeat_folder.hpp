// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "arbiter/clock.hpp"
#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// Where the workers' heartbeat files are made. They have no name: nothing is left behind, whoever
/// dies. If the folder cannot be used, /tmp is taken, and then memory without a folder; one warning
/// says so.
class HeartbeatFolder {
 public:
  explicit HeartbeatFolder(std::string folder) : folder_(std::move(folder)) {}

  /// An empty file whose first beat is now. Throws std::system_error when the process has no more
  /// descriptors.
  UniqueFd make_file();

 private:
  UniqueFd make_anywhere();

  std::string folder_;
  bool in_memory_ = false;
};

/// When the worker last set the file's modification time, from CLOCK_MONOTONIC.
TimePoint last_beat(int heartbeat_fd) noexcept;

}  // namespace uringcorn::arbiter
