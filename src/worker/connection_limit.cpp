// SPDX-License-Identifier: MIT
#include "worker/connection_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace uringcorn::worker {

namespace {

/// Descriptors that a worker needs for itself and its application (files, pools, logs).
constexpr rlim_t k_reserved_descriptors = 64;

}  // namespace

std::size_t connection_limit(const settings::Settings& settings) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlim_t usable =
      std::max(files.rlim_cur, k_reserved_descriptors + 1) - k_reserved_descriptors;
  const auto limit = static_cast<std::size_t>(usable);
  return settings.worker_connections == 0 ? limit : std::min(limit, settings.worker_connections);
}

}  // namespace uringcorn::worker
