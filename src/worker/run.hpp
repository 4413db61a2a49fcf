// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "settings/settings.hpp"
#include "worker/boot.hpp"

namespace uringcorn::worker {

/// The application is not there, or could not be made. what() is a sentence.
class BootFailure : public std::runtime_error {
 public:
  BootFailure(const std::string& sentence, int exit_code)
      : std::runtime_error(sentence), exit_code_(exit_code) {}
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// The whole life of a worker, in the child of a fork: loads the application, runs it, drains,
/// leaves. Returns the exit code of the process. Signals arrive blocked; the worker unblocks what
/// it handles: TERM drains, INT and QUIT end at once, USR1 reopens logs, ABRT writes a backtrace
/// and the requests in flight, HUP is ignored.
int run(const WorkerBoot& boot);

/// Loads the application into this process, and gives what run() is in processes that are forked
/// from it: each may call it once. Throws BootFailure.
std::function<int(const WorkerBoot&)> preload(const settings::Settings& settings);

}  // namespace uringcorn::worker
