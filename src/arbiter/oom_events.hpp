// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

namespace uringcorn::arbiter {

/// Tells whether the kernel killed processes of this cgroup for lack of memory, of which a SIGKILL
/// itself says nothing.
class OomEvents {
 public:
  /// Below `root` are proc/ and sys/; another than `/` is for tests. Where the kernel tells
  /// nothing, nothing ever happened.
  explicit OomEvents(const std::filesystem::path& root = "/");

  /// Whether there were any since the last call, or the construction.
  bool happened();

 private:
  std::uint64_t count() const;

  std::filesystem::path file_;
  std::uint64_t seen_ = 0;
};

}  // namespace uringcorn::arbiter
