// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "arbiter/template_process.hpp"
#include "arbiter/worker_process.hpp"
#include "base/log_level.hpp"

namespace uringcorn::arbiter {

struct DeathReport {
  LogLevel level = LogLevel::error;
  std::string line;
};

/// One line about the end of a worker: who, how, how old, how many requests it had answered, why,
/// and which requests it was in. `status` is waitpid()'s. `out_of_memory`: the kernel killed
/// processes of this cgroup for lack of memory since the last report.
DeathReport report_death(const WorkerProcess& worker, int status, bool out_of_memory,
                         TimePoint now);

/// The same about a template process.
std::string report_death(const TemplateProcess& process, pid_t pid, int status, TimePoint now);

}  // namespace uringcorn::arbiter
