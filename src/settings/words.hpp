// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace uringcorn::settings {

/// Splits a line of arguments as a shell would: at blanks, with '...' literal, "..." with `\"` and
/// `\\`, and a backslash before any other character. Nothing is expanded. Throws `SettingsError`
/// when a quote is not closed.
std::vector<std::string> split_words(std::string_view line);

}  // namespace uringcorn::settings
