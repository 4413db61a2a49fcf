// SPDX-License-Identifier: MIT
// Rows of the table: logs.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "access_logfile",
     .flags = {"--access-logfile"},
     .group = Group::logging,
     .target = Text{&S::access_logfile},
     .value_name = "FILE",
     .help = "Where requests are logged; - is standard output, empty: nowhere."},
    {.key = "access_log_format",
     .flags = {"--access-logformat", "--access-log-format"},
     .group = Group::logging,
     .target = Text{&S::access_log_format},
     .value_name = "FORMAT",
     .help = "A line of the access log: a template of atoms such as %(r)s, or json.",
     .details = "The atoms are those of gunicorn:\n"
                "\n"
                "| atom | what it is |\n"
                "|---|---|\n"
                "| `%(h)s` | address of the client |\n"
                "| `%(l)s` | `-` |\n"
                "| `%(u)s` | user name of basic authentication |\n"
                "| `%(t)s` | date and time of the request |\n"
                "| `%(r)s` | request line |\n"
                "| `%(m)s` | method |\n"
                "| `%(U)s` | path, without the query |\n"
                "| `%(q)s` | query |\n"
                "| `%(H)s` | protocol |\n"
                "| `%(s)s` | status |\n"
                "| `%(B)s` | length of the body sent |\n"
                "| `%(b)s` | the same, `-` for none |\n"
                "| `%(f)s` | Referer field |\n"
                "| `%(a)s` | User-Agent field |\n"
                "| `%(T)s` | time taken, whole seconds |\n"
                "| `%(M)s` | time taken, milliseconds |\n"
                "| `%(D)s` | time taken, microseconds |\n"
                "| `%(L)s` | time taken, seconds with six decimals |\n"
                "| `%(p)s` | process id |\n"
                "| `%(id)s` | X-Request-Id field of the answer, else of the request |\n"
                "| `%({name}i)s` | request field |\n"
                "| `%({name}o)s` | response field |\n"
                "| `%({name}e)s` | environment variable of the server |\n"
                "\n"
                "What is absent is `-`. In values, `\"`, `\\` and every byte that is not a "
                "printable ASCII character are written as `\\xNN`, so that no client can forge "
                "a line. `json` writes one object a line instead.",
     .may_be_empty = false},
    {.key = "error_logfile",
     .flags = {"--error-logfile", "--log-file"},
     .group = Group::logging,
     .target = Text{&S::error_logfile},
     .value_name = "FILE",
     .help = "Where the server's own messages go; - is standard error.",
     .may_be_empty = false},
    {.key = "log_level",
     .flags = {"--log-level"},
     .group = Group::logging,
     .target = Level{&S::log_level},
     .value_name = "LEVEL",
     .help = "The least level logged: debug, info, warning, error or critical."},
    {.key = "error_log_format",
     .flags = {"--error-log-format"},
     .group = Group::logging,
     .target = Format{&S::error_log_format},
     .value_name = "FORMAT",
     .help = "How a line of the error log looks: text or json.",
     .details = "`json` is one object a line with `time` (UTC), `level`, `pid` and `message`, "
                "escaped so that a message cannot pass for another."},
    {.key = "capture_output",
     .flags = {"--capture-output"},
     .group = Group::logging,
     .target = Switch{&S::capture_output},
     .value_name = {},
     .help = "Send what the application writes to its standard streams to error_logfile, too.",
     .details = "Its lines go there as they are, without time and level. The streams are then the "
                "file itself, so `access_logfile` cannot be `-`."},
    {.key = "log_syslog",
     .flags = {"--log-syslog"},
     .group = Group::logging,
     .target = Switch{&S::log_syslog},
     .value_name = {},
     .help = "Send both logs to a syslog daemon, besides where they go otherwise.",
     .details = "Each line is a message as in RFC 3164, tagged `PREFIX.error[PID]` or "
                "`PREFIX.access[PID]`. The daemon must be there at the start; one that goes away "
                "later is found again when it is back."},
    {.key = "log_syslog_to",
     .flags = {"--log-syslog-to"},
     .group = Group::logging,
     .target = Text{&S::log_syslog_to},
     .value_name = "ADDRESS",
     .help = "The syslog daemon: unix://PATH or udp://HOST:PORT.",
     .details = "The port is 514 unless another one is given. What is sent over UDP may get lost "
                "without anybody knowing.",
     .may_be_empty = false},
    {.key = "log_syslog_prefix",
     .flags = {"--log-syslog-prefix"},
     .group = Group::logging,
     .target = Text{&S::log_syslog_prefix},
     .value_name = "PREFIX",
     .help = "What the tag of syslog messages begins with.",
     .may_be_empty = false},
    {.key = "log_syslog_facility",
     .flags = {"--log-syslog-facility"},
     .group = Group::logging,
     .target = Facility{&S::log_syslog_facility},
     .value_name = "NAME",
     .help = "The facility of syslog messages: user, daemon, local0 and so on."},
    {.key = "disable_redirect_access_to_syslog",
     .flags = {"--disable-redirect-access-to-syslog"},
     .group = Group::logging,
     .target = Switch{&S::disable_redirect_access_to_syslog},
     .value_name = {},
     .help = "Of the two, send only the error log to syslog."},
};

}  // namespace

std::span<const Setting> logging_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
