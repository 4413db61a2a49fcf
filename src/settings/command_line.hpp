// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "settings/table.hpp"

namespace uringcorn::settings {

/// What a command line gave for one setting: every value, in order; none for a flag without value.
struct Given {
  const Setting* setting;
  std::vector<std::string> texts;
};

/// Matches words (without program name and command) with the table's flags; each setting given is
/// in the result once, in the table's order. Values are not looked at. Throws `SettingsError` for
/// an unknown flag, a missing value, a value where none is taken, and a second argument without a
/// flag.
std::vector<Given> parse_command_line(const std::vector<std::string>& words);

}  // namespace uringcorn::settings
