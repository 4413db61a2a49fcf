// SPDX-License-Identifier: MIT
// Rows of the table: the process itself: where and as whom it runs, and how it is found.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_most_mask = 0777;

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "chdir",
     .flags = {"--chdir"},
     .group = Group::process,
     .target = Text{&S::chdir},
     .value_name = "DIR",
     .help = "Change to this folder first; relative names of all other settings begin there.",
     .details = "The configuration file itself is looked for where the server was started. "
                "Changes at a restart only."},
    {.key = "env",
     .flags = {"--env", "-e"},
     .group = Group::process,
     .target = List{&S::env},
     .value_name = "NAME=VALUE",
     .help = "A variable for the environment of the application. May be given several times."},
    {.key = "daemon",
     .flags = {"--daemon", "-D"},
     .group = Group::process,
     .target = Switch{&S::daemon},
     .value_name = {},
     .help = "Run in the background.",
     .details = "The command returns when a worker is ready, with code 0, or when the start has "
                "failed, with the code that it would have had in the foreground; until then its "
                "messages come to the terminal. From then on what would go to a terminal or pipe "
                "goes to /dev/null: give the logs a file. Changes at a restart only."},
    {.key = "pid",
     .flags = {"--pid", "-p"},
     .group = Group::process,
     .target = Text{&S::pid},
     .value_name = "FILE",
     .help = "Write the process id of the arbiter to this file.",
     .details = "The file is locked while the server runs, so a second one with the same file is "
                "refused, and what a killed one left behind is not in the way. Changes at a "
                "restart only."},
    {.key = "user",
     .flags = {"--user", "-u"},
     .group = Group::process,
     .target = Text{&S::user},
     .value_name = "USER",
     .help = "The user, by name or number, that the workers run as.",
     .details = "With that user's primary group, unless `group` says otherwise, and its "
                "supplementary groups. The arbiter stays who it is: it binds the sockets and "
                "opens the logs. Log files and unix sockets are made to belong to that user."},
    {.key = "group",
     .flags = {"--group", "-g"},
     .group = Group::process,
     .target = Text{&S::group},
     .value_name = "GROUP",
     .help = "The group, by name or number, that the workers run as."},
    {.key = "umask",
     .flags = {"--umask", "-m"},
     .group = Group::process,
     .target = FileMask{&S::umask},
     .value_name = "MASK",
     .help = "Permissions, in octal, that files and unix sockets of the server do not get; empty: "
             "as inherited.",
     .maximum = k_most_mask},
    {.key = "name",
     .flags = {"--name", "-n"},
     .group = Group::process,
     .target = Text{&S::name},
     .value_name = "NAME",
     .help = "What ps and top show beside `uringcorn: arbiter` and `uringcorn: worker N`; empty: "
             "the application."},
};

}  // namespace

std::span<const Setting> process_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
