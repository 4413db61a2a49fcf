// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

namespace uringcorn::settings {

// The limits of the cgroup that `root`/proc/self/cgroup names, looked up in the hierarchies that
// `root`/proc/self/mountinfo says are mounted, v1 and v2. A limit may be set on any cgroup on the
// way to the root, so the tightest of them counts. 0: there is none, or it cannot be read.

/// Processors, rounded up.
std::int64_t cgroup_quota_cpus(const std::filesystem::path& root);

/// Bytes.
std::int64_t cgroup_memory_limit(const std::filesystem::path& root);

/// The tighter of two limits, of which 0 is none.
std::int64_t tighter_limit(std::int64_t a, std::int64_t b);

}  // namespace uringcorn::settings
