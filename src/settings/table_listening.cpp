// SPDX-License-Identifier: MIT
// Rows of the table: what is served, where, and which proxies are trusted.
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
     .details = "Port 0 lets the kernel choose a port, which the start-up message prints. "
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

    {.key = "proxy_protocol",
     .flags = {"--proxy-protocol"},
     .group = Group::proxies,
     .target = Proxy{&S::proxy_protocol},
     .value_name = "MODE",
     .help = "The PROXY header in front of connections from --proxy-allow-from: off, v1, v2 or "
             "auto (either).",
     .details = "Once on, a connection from there is refused when it does not begin with such a "
                "header, complete within `request_head_timeout`. Its client is then the peer of "
                "all requests on the connection, for `forwarded_allow_ips` too. From anywhere "
                "else no header is expected, and one is refused as the malformed request that it "
                "is."},
    {.key = "proxy_allow_from",
     .flags = {"--proxy-allow-from"},
     .group = Group::proxies,
     .target = Addresses{&S::proxy_allow_from},
     .value_name = "ADDRESSES",
     .help = "The proxies that send PROXY headers: addresses and networks with commas between, or "
             "*.",
     .details = "Connections through unix sockets always count as listed."},
    {.key = "forwarded_allow_ips",
     .flags = {"--forwarded-allow-ips"},
     .group = Group::proxies,
     .target = Addresses{&S::forwarded_allow_ips},
     .value_name = "ADDRESSES",
     .help = "The proxies whose X-Forwarded-* and Forwarded fields are believed: addresses and "
             "networks with commas between, or *.",
     .details = "They set the address, scheme and host of a request; from others they are ignored. "
                "Connections through unix sockets always count as listed. See [Behind a "
                "proxy](behind-a-proxy.md).",
     .environment = "FORWARDED_ALLOW_IPS"},
};

}  // namespace

std::span<const Setting> listening_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
