// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace uringcorn::cli {

/// The exit code for a command line or settings that cannot be used.
constexpr int k_exit_usage = 2;

/// Writes to standard output. Returns the exit code: 0, or 1 when it could not be written.
int print(std::string_view text);
int print_version();

/// Writes `uringcorn: SENTENCE` to standard error and returns `code`.
int refuse(std::string_view sentence, int code = k_exit_usage);

}  // namespace uringcorn::cli
