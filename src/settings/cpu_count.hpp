// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace uringcorn::settings {

/// How many processors this process may keep busy, at least 1: those of its affinity mask (which a
/// cpuset narrows), but no more than the quota of its cgroup, rounded up. A quota may be set on any
/// cgroup on the way to the root, so the tightest of them counts; cgroup v1 and v2 are read.
/// What cannot be read limits nothing.
int usable_cpus();

/// The processors of the affinity mask alone, at least 1.
int affinity_cpus();

/// The quota of the cgroup that `root`/proc/self/cgroup names, looked up in the hierarchies that
/// `root`/proc/self/mountinfo says are mounted; 0 when there is none.
int cgroup_quota_cpus(const std::filesystem::path& root);

}  // namespace uringcorn::settings
