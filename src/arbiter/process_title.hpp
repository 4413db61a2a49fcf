// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// Takes the memory in which the kernel handed over the arguments and the environment, for
/// set_process_title(). `argv` means nothing any more afterwards; the environment is moved away.
/// Call it once, from main(), while there is no other thread. Without it titles are not shown.
void claim_process_title(int argc, char** argv);

/// What ps shows as the command line of this process. What does not fit into the memory is cut.
void set_process_title(std::string_view title) noexcept;

/// `uringcorn: worker 2 [shop]`: the role, and --name or else the application.
std::string title_of(std::string_view role, const settings::Settings& settings);

}  // namespace uringcorn::arbiter
