// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace uringcorn::app {

/// The names of the dynamic symbols that an ELF shared object defines and that begin with `prefix`,
/// sorted. Empty when the file cannot be read or is none.
std::vector<std::string> defined_symbols(const std::string& file, std::string_view prefix);

/// Whether an ELF file ends before what is to be mapped of it: mapped all the same, it would end
/// the process by SIGBUS.
bool is_cut_short(const std::string& file);

}  // namespace uringcorn::app
