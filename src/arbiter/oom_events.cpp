// SPDX-License-Identifier: MIT
#include "arbiter/oom_events.hpp"

#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace uringcorn::arbiter {
namespace {

namespace fs = std::filesystem;

// Files that may hold the line `oom_kill N` for this process. In a container the cgroup is named by
// its place in the host's tree, of which only our own part is mounted: then the mount is the
// cgroup.
std::vector<fs::path> candidates(const fs::path& root) {
  std::vector<fs::path> files;
  const fs::path v1 = root / "sys/fs/cgroup/memory";
  const fs::path v2 = root / "sys/fs/cgroup";
  std::ifstream cgroups(root / "proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    const std::size_t path = line.find(":/");
    if (line.find(":memory:/") != std::string::npos) {
      files.push_back(v1 / line.substr(path + 2) / "memory.oom_control");
    } else if (line.starts_with("0::/")) {
      files.push_back(v2 / line.substr(path + 2) / "memory.events");
    }
  }
  files.push_back(v1 / "memory.oom_control");
  files.push_back(v2 / "memory.events");
  return files;
}

}  // namespace

OomEvents::OomEvents(const fs::path& root) {
  for (fs::path& file : candidates(root)) {
    if (std::ifstream(file)) {
      file_ = std::move(file);
      break;
    }
  }
  seen_ = count();
}

bool OomEvents::happened() {
  const std::uint64_t now = count();
  return now != std::exchange(seen_, now);
}

std::uint64_t OomEvents::count() const {
  std::ifstream file(file_);
  std::string name;
  std::uint64_t number = 0;
  while (file >> name >> number) {
    if (name == "oom_kill") {
      return number;
    }
  }
  return 0;
}

}  // namespace uringcorn::arbiter
