// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <uringcorn/time.hpp>

namespace uringcorn::worker {

/// Tells whether this process has more memory of its own (what it wrote and shares with no other
/// process) than a limit. Cheap enough to ask once a second.
class OwnMemory {
 public:
  explicit OwnMemory(std::size_t limit) noexcept : limit_(limit) {}

  bool is_over_limit(Clock::time_point now);
  /// In bytes, when it was over the limit last.
  std::size_t measured() const noexcept { return measured_; }

 private:
  std::size_t limit_;
  std::size_t measured_ = 0;
  Clock::time_point next_measurement_ = Clock::time_point::min();
};

}  // namespace uringcorn::worker
