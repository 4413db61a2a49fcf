// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// Says that a reload cannot change it.
void warn_of_restart(std::string_view flag);

/// What is fixed for the life of the process keeps its value, with a warning each.
void keep_what_cannot_change(settings::Settings& wanted, const settings::Settings& running);

}  // namespace uringcorn::arbiter
