// SPDX-License-Identifier: MIT
#include "settings/cgroup.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace uringcorn::settings {

namespace {

namespace fs = std::filesystem;

// No real hierarchy is nearly as deep; the bound ends the walk on a path that makes no sense.
constexpr int k_deepest_cgroup = 64;
// cgroup v1 has no word for "none" but a number near the largest, rounded down to pages.
constexpr std::int64_t k_absurd_bytes = std::numeric_limits<std::int64_t>::max() / 2;

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
std::optional<std::string> own_cgroup(const fs::path& root, std::string_view controller, bool v2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? line.starts_with("0::") : contains_word(controllers, controller)) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// proc(5): ID PARENT DEVICE ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER-OPTIONS
std::optional<Mount> cgroup_mount(const fs::path& root, std::string_view controller, bool v2) {
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
        v2 ? type == "cgroup2" : type == "cgroup" && contains_word(super_options, controller);
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
std::int64_t quota_in(const fs::path& directory, bool v2) {
  // v2 says "QUOTA PERIOD" or "max PERIOD" in one file; v1 says -1 for none.
  std::istringstream words(v2 ? first_line(directory / "cpu.max")
                              : first_line(directory / "cpu.cfs_quota_us") + ' ' +
                                    first_line(directory / "cpu.cfs_period_us"));
  long long quota_us = 0;
  long long period_us = 0;
  if (!(words >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) {
    return 0;
  }
  return (quota_us - 1) / period_us + 1;
}

// Bytes, or 0 without a limit.
std::int64_t memory_limit_in(const fs::path& directory, bool v2) {
  std::istringstream words(first_line(directory / (v2 ? "memory.max" : "memory.limit_in_bytes")));
  std::int64_t bytes = 0;
  return words >> bytes && bytes > 0 && bytes < k_absurd_bytes ? bytes : 0;
}

// A controller, and how its limit is read in one directory of its hierarchy.
struct Limit {
  std::string_view controller;
  std::int64_t (*read)(const fs::path& directory, bool v2);
};

std::int64_t tightest_of_hierarchy(const fs::path& root, const Limit& limit, bool v2) {
  const std::optional<std::string> cgroup = own_cgroup(root, limit.controller, v2);
  const std::optional<Mount> mount = cgroup_mount(root, limit.controller, v2);
  if (!cgroup || !mount) {
    return 0;
  }
  // In a container the mount may show only a part of the tree, while the process is named by its
  // place in the whole one; where the two do not meet, the mount itself is the best that is known.
  const fs::path inside = fs::path(*cgroup).lexically_relative(mount->root);
  const bool visible = !inside.empty() && *inside.begin() != "..";
  const fs::path top = (root / fs::path(mount->point).relative_path()).lexically_normal();
  fs::path directory = visible ? (top / inside).lexically_normal() : top;

  std::int64_t tightest = limit.read(top, v2);
  for (int depth = 0; depth < k_deepest_cgroup && directory != top; ++depth) {
    tightest = tighter_limit(tightest, limit.read(directory, v2));
    if (!directory.has_relative_path()) {
      break;
    }
    directory = directory.parent_path();
  }
  return tightest;
}

std::int64_t tightest(const fs::path& root, const Limit& limit) {
  return tighter_limit(tightest_of_hierarchy(root, limit, true),
                       tightest_of_hierarchy(root, limit, false));
}

}  // namespace

std::int64_t tighter_limit(std::int64_t a, std::int64_t b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

std::int64_t cgroup_quota_cpus(const fs::path& root) {
  return tightest(root, {"cpu", quota_in});
}

std::int64_t cgroup_memory_limit(const fs::path& root) {
  return tightest(root, {"memory", memory_limit_in});
}

}  // namespace uringcorn::settings
