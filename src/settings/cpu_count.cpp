// SPDX-License-Identifier: MIT
#include "settings/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace uringcorn::settings {

namespace {

namespace fs = std::filesystem;

// A kernel may be built for more processors than cpu_set_t holds; it then says EINVAL.
constexpr int k_most_cpus = 1 << 16;
// No real hierarchy is nearly as deep; the bound ends the walk on a path that makes no sense.
constexpr int k_deepest_cgroup = 64;

struct Mount {
  std::string root;   // the cgroup that is visible at `point`
  std::string point;  // where
};

bool contains_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == word) {
      return true;
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// The cgroup of this process: the line `0::PATH` for v2, `N:cpu,cpuacct:PATH` for v1.
std::optional<std::string> own_cgroup(const fs::path& root, bool v2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? line.starts_with("0::") : contains_word(controllers, "cpu")) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// proc(5): ID PARENT DEVICE ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER-OPTIONS
std::optional<Mount> cgroup_mount(const fs::path& root, bool v2) {
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string skipped;
    Mount mount;
    words >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    while (words >> skipped && skipped != "-") {
    }
    std::string type;
    std::string super_options;
    words >> type >> skipped >> super_options;
    const bool matches =
        v2 ? type == "cgroup2" : type == "cgroup" && contains_word(super_options, "cpu");
    if (matches) {
      return mount;
    }
  }
  return std::nullopt;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Processors rounded up, or 0 without a quota.
int quota_in(const fs::path& directory, bool v2) {
  // v2 says "QUOTA PERIOD" or "max PERIOD" in one file; v1 says -1 for none.
  std::istringstream words(v2 ? first_line(directory / "cpu.max")
                              : first_line(directory / "cpu.cfs_quota_us") + ' ' +
                                    first_line(directory / "cpu.cfs_period_us"));
  long long quota_us = 0;
  long long period_us = 0;
  if (!(words >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) {
    return 0;
  }
  const long long cpus = (quota_us - 1) / period_us + 1;
  return static_cast<int>(std::min<long long>(cpus, k_most_cpus));
}

int tighter(int a, int b) {
  if (a == 0 || b == 0) {
    return std::max(a, b);
  }
  return std::min(a, b);
}

int quota_of_hierarchy(const fs::path& root, bool v2) {
  const std::optional<std::string> cgroup = own_cgroup(root, v2);
  const std::optional<Mount> mount = cgroup_mount(root, v2);
  if (!cgroup || !mount) {
    return 0;
  }
  // In a container the mount may show only a part of the tree, while the process is named by its
  // place in the whole one; where the two do not meet, the mount itself is the best that is known.
  const fs::path inside = fs::path(*cgroup).lexically_relative(mount->root);
  const bool visible = !inside.empty() && *inside.begin() != "..";
  const fs::path top = (root / fs::path(mount->point).relative_path()).lexically_normal();
  fs::path directory = visible ? (top / inside).lexically_normal() : top;

  int tightest = quota_in(top, v2);
  for (int depth = 0; depth < k_deepest_cgroup && directory != top; ++depth) {
    tightest = tighter(tightest, quota_in(directory, v2));
    if (!directory.has_relative_path()) {
      break;
    }
    directory = directory.parent_path();
  }
  return tightest;
}

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

int cgroup_quota_cpus(const fs::path& root) {
  return tighter(quota_of_hierarchy(root, true), quota_of_hierarchy(root, false));
}

int usable_cpus() {
  const int quota = cgroup_quota_cpus("/");
  return std::max(1, tighter(affinity_cpus(), quota));
}

}  // namespace uringcorn::settings
