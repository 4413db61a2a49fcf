// SPDX-License-Identifier: MIT
// Rows of the table: what is printed instead of serving, and where settings come from.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

const std::vector<Setting> k_rows = {
    {.key = "config",
     .flags = {"--config", "-c"},
     .group = Group::command,
     .target = ConfigFile{},
     .value_name = "FILE",
     .help = "The configuration file; without this flag ./uringcorn.toml, if it is there."},
    {.key = "check_config",
     .flags = {"--check-config"},
     .group = Group::command,
     .target = Print{},
     .value_name = {},
     .help =
         "Check the settings, load the application, and report on this machine; serve nothing."},
    {.key = "print_config",
     .flags = {"--print-config"},
     .group = Group::command,
     .target = Print{},
     .value_name = {},
     .help = "Print every setting, its value and where that came from, as a configuration file."},
    {.key = "version",
     .flags = {"--version", "-v"},
     .group = Group::command,
     .target = Print{},
     .value_name = {},
     .help = "Print the version."},
    {.key = "help",
     .flags = {"--help", "-h"},
     .group = Group::command,
     .target = Print{},
     .value_name = {},
     .help = "Print this."},
};

}  // namespace

std::span<const Setting> command_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
