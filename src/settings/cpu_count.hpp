// SPDX-License-Identifier: MIT
#pragma once

namespace uringcorn::settings {

/// How many processors this process may keep busy, at least 1: those of its affinity mask (which a
/// cpuset narrows), but no more than the quota of its cgroup, rounded up. What cannot be read
/// limits nothing.
int usable_cpus();

/// The processors of the affinity mask alone, at least 1.
int affinity_cpus();

}  // namespace uringcorn::settings
