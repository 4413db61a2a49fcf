// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace uringcorn::app {

/// The names of the dynamic symbols that an ELF shared object defines and that begin with `prefix`,
/// sorted. Empty when the file cannot be read or is none.
std::vector<std::string> defined_symbols(const std::string& file, std::string_view prefix);

}  // namespace uringcorn::app
