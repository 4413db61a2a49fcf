// SPDX-License-Identifier: MIT
// Rows of the table: which proxies are trusted, and with what.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

using S = Settings;

const std::vector<Setting> k_rows = {
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

std::span<const Setting> proxies_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
