// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "settings/settings.hpp"

namespace uringcorn::worker {

/// Connections that a worker may hold: the setting, or what this process's limit of open files
/// leaves after what the worker needs for itself.
std::size_t connection_limit(const settings::Settings& settings);

}  // namespace uringcorn::worker
