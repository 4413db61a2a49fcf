// SPDX-License-Identifier: MIT
// Rows of the table: what is served, and where.
#include "settings/table_rows.hpp"
#include "settings/value.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_most_backlog = 65535;
constexpr std::int64_t k_highest_port = 65535;

// Platforms that set PORT route to the container's own address, so loopback would not be reached.
std::optional<std::string> listen_everywhere_on(std::string_view port) {
  const std::optional<std::int64_t> number = parse_number(port);
  if (!number || *number < 0 || *number > k_highest_port) {
    return std::nullopt;
  }
  return "0.0.0.0:" + std::string(port);
}

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "app",
     .flags = {},
     .group = Group::serving,
     .target = Text{&S::app_path},
     .value_name = "APP",
     .help = "The application: a shared library, PATH.so or PATH.so:symbol. Without one, a "
             "welcome page is served."},

    {.key = "bind",
     .flags = {"--bind", "-b"},
     .group = Group::listening,
     .target = List{&S::bind},
     .value_name = "ADDRESS",
     .help = "Where to listen: HOST:PORT, [v6]:PORT, :PORT, unix:PATH or fd://N. May be given "
             "several times.",
     .details =
         "`https://` in front of it means TLS, `http://` means none; without either it is "
         "TLS if there is a `certfile`. See [TLS](tls.md) for listeners with certificates "
         "of their own. Port 0 lets the kernel choose a port, which the start-up message prints. "
         "`fd://N` is a listening socket inherited from the parent process. With `PORT` "
         "in the environment the default is `0.0.0.0:$PORT`.",
     .may_be_empty = false,
     .environment = "PORT",
     .from_environment = listen_everywhere_on},
    {.key = "backlog",
     .flags = {"--backlog"},
     .group = Group::listening,
     .target = Number{&S::backlog},
     .value_name = "INT",
     .help = "Connections that may wait to be accepted, for each address.",
     .details = "The kernel caps it at `net.core.somaxconn`.",
     .minimum = 1,
     .maximum = k_most_backlog},
    {.key = "reuse_port",
     .flags = {"--reuse-port"},
     .group = Group::listening,
     .target = Switch{&S::reuse_port},
     .value_name = {},
     .help = "One listening socket for each worker, among which the kernel spreads connections "
             "(SO_REUSEPORT).",
     .details = "For machines of many cores, where one accept queue for all is what limits them. "
                "The price: connections that the kernel has given to a worker wait for it, even "
                "while it is stuck. The sockets outlive the workers, so a reload loses nothing. "
                "Unix and inherited sockets are shared by all workers in any case. Changes at a "
                "restart only."},
};

}  // namespace

std::span<const Setting> listening_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
