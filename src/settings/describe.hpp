// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "settings/resolve.hpp"

namespace uringcorn::settings {

/// The text of `uringcorn serve --help`: every flag, grouped, in lines of at most 80 columns.
std::string help();

/// Every effective value with where it came from, as a configuration file that sets just these.
std::string print_config(const Resolution& resolution);

/// The page docs/settings.md.
std::string markdown();

}  // namespace uringcorn::settings
