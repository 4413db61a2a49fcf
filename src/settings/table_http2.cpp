// SPDX-License-Identifier: MIT
// Rows of the table: HTTP/2.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_most_streams = 10'000;
constexpr std::int64_t k_largest_window = 0x7fff'ffff;
// RFC 9113, 4.2.
constexpr std::int64_t k_smallest_frame = 16'384;
constexpr std::int64_t k_largest_frame = (1 << 24) - 1;
constexpr std::int64_t k_largest_list = 16 << 20;

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "http_protocols",
     .flags = {"--http-protocols"},
     .group = Group::http2,
     .target = Protocols{&S::http_protocols},
     .value_name = "LIST",
     .help = "The versions of HTTP that are spoken: h1, h2 or h1,h2.",
     .details = "With TLS the client chooses among them (ALPN). Without TLS, HTTP/2 also needs "
                "--http2-cleartext."},
    {.key = "http2_cleartext",
     .flags = {"--http2-cleartext"},
     .group = Group::http2,
     .target = Switch{&S::http2_cleartext},
     .value_name = "",
     .help = "Without TLS, speak HTTP/2 with clients that begin with its preface (prior "
             "knowledge).",
     .details = "For proxies and clients within a network. All others are spoken to in HTTP/1."},
    {.key = "http2_max_concurrent_streams",
     .flags = {"--http2-max-concurrent-streams"},
     .group = Group::http2,
     .target = Count{&S::http2_max_concurrent_streams},
     .value_name = "INT",
     .help = "Requests that one connection may have open at a time.",
     .minimum = 1,
     .maximum = k_most_streams},
    {.key = "http2_initial_window_size",
     .flags = {"--http2-initial-window-size"},
     .group = Group::http2,
     .target = Size{&S::http2_initial_window_size},
     .value_name = "SIZE",
     .help = "How much of a request's body a client may send ahead of the application that reads "
             "it.",
     .details = "As much memory may wait in each request that has a body.",
     .minimum = 1,
     .maximum = k_largest_window},
    {.key = "http2_max_frame_size",
     .flags = {"--http2-max-frame-size"},
     .group = Group::http2,
     .target = Size{&S::http2_max_frame_size},
     .value_name = "SIZE",
     .help = "The largest frame that is accepted.",
     .minimum = k_smallest_frame,
     .maximum = k_largest_frame},
    {.key = "http2_max_header_list_size",
     .flags = {"--http2-max-header-list-size"},
     .group = Group::http2,
     .target = Size{&S::http2_max_header_list_size},
     .value_name = "SIZE",
     .help = "The largest request head, uncompressed, with 32 bytes added for each field (431).",
     .details = "The limits on HTTP/1 heads hold too: `limit_request_line`, "
                "`limit_request_fields`, `limit_request_field_size` and `limit_request_head`.",
     .minimum = 1024,
     .maximum = k_largest_list},
    {.key = "http2_ping_interval",
     .flags = {"--http2-ping-interval"},
     .group = Group::http2,
     .target = Duration{&S::http2_ping_interval},
     .value_name = "DURATION",
     .help = "How long a client with requests open may be silent before it is asked for a sign "
             "of life; 0: forever.",
     .maximum = k_day_ms},
    {.key = "http2_ack_timeout",
     .flags = {"--http2-ack-timeout"},
     .group = Group::http2,
     .target = Duration{&S::http2_ack_timeout},
     .value_name = "DURATION",
     .help = "How long a client may take to acknowledge SETTINGS, or to answer that question; 0: "
             "any time.",
     .maximum = k_day_ms},
};

}  // namespace

std::span<const Setting> http2_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
