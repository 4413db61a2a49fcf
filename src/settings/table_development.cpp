// SPDX-License-Identifier: MIT
// Rows of the table: what helps while an application is written.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "reload",
     .flags = {"--reload"},
     .group = Group::development,
     .target = Switch{&S::reload},
     .value_name = {},
     .help = "Reload, as HUP does, when the application's file has changed.",
     .details = "The change is acted upon when the file has been at rest for 300 ms. If what is "
                "there then cannot be loaded, the old workers go on, and the next change is the "
                "next try. The workers load a private copy of the file, so that even a linker or "
                "`cp` that writes over it in place harms none of them."},
    {.key = "reload_extra_file",
     .flags = {"--reload-extra-file"},
     .group = Group::development,
     .target = List{&S::reload_extra_file},
     .value_name = "PATTERN",
     .help = "Watch these files, too: a name, a folder, or a pattern such as 'pages/*.html'. May "
             "be given several times; only with --reload."},
};

}  // namespace

std::span<const Setting> development_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
