// SPDX-License-Identifier: MIT
#include "settings/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "settings/cgroup.hpp"

namespace uringcorn::settings {

namespace {

// A kernel may be built for more processors than cpu_set_t holds; it then says EINVAL.
constexpr int k_most_cpus = 1 << 16;

}  // namespace

int affinity_cpus() {
  for (int cpus = CPU_SETSIZE; cpus <= k_most_cpus; cpus *= 2) {
    std::vector<cpu_set_t> set(static_cast<std::size_t>(cpus / CPU_SETSIZE));
    const std::size_t bytes = set.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, set.data()) == 0) {
      return std::max(1, CPU_COUNT_S(bytes, set.data()));
    }
    if (errno != EINVAL) {
      break;
    }
  }
  return 1;
}

int usable_cpus() {
  const std::int64_t cpus = tighter_limit(affinity_cpus(), cgroup_quota_cpus("/"));
  return static_cast<int>(std::clamp<std::int64_t>(cpus, 1, k_most_cpus));
}

}  // namespace uringcorn::settings
