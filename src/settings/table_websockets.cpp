// SPDX-License-Identifier: MIT
// Rows of the table: WebSockets: limits, pings, the close, compression.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_most_message = (1 << 30) - 1;

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "websocket_max_message",
     .flags = {"--websocket-max-message"},
     .group = Group::websockets,
     .target = Size{&S::websocket_max_message},
     .value_name = "SIZE",
     .help = "The largest message from a client; past it the WebSocket is closed with 1009.",
     .details = "A compressed message is measured as it unfolds, and unfolded no further.",
     .minimum = 1,
     .maximum = k_most_message},
    {.key = "websocket_max_frame",
     .flags = {"--websocket-max-frame"},
     .group = Group::websockets,
     .target = Size{&S::websocket_max_frame},
     .value_name = "SIZE",
     .help = "The largest frame from a client (1009); 0: as large as a message.",
     .maximum = k_most_message},
    {.key = "websocket_queue",
     .flags = {"--websocket-queue"},
     .group = Group::websockets,
     .target = Size{&S::websocket_queue},
     .value_name = "SIZE",
     .help = "How much is kept of messages that a handler has not received, or a member of a "
             "group has not taken.",
     .details = "With more than that to be received, the client has to wait. A group does what "
                "its policy says: it closes the member with 1008, or leaves messages out.",
     .minimum = 1},
    {.key = "websocket_ping_interval",
     .flags = {"--websocket-ping-interval"},
     .group = Group::websockets,
     .target = Duration{&S::websocket_ping_interval},
     .value_name = "DURATION",
     .help = "A client that is silent for so long is sent a ping; 0: never.",
     .maximum = k_day_ms},
    {.key = "websocket_ping_timeout",
     .flags = {"--websocket-ping-timeout"},
     .group = Group::websockets,
     .target = Duration{&S::websocket_ping_timeout},
     .value_name = "DURATION",
     .help = "A client that sends nothing for so long after a ping is given up; 0: never.",
     .maximum = k_day_ms},
    {.key = "websocket_close_timeout",
     .flags = {"--websocket-close-timeout"},
     .group = Group::websockets,
     .target = Duration{&S::websocket_close_timeout},
     .value_name = "DURATION",
     .help = "How long a client may take to answer a Close, and a handler to return after the end.",
     .details = "A client that does not is cut off, a handler is cancelled.",
     .minimum = 1,
     .maximum = k_day_ms},
    {.key = "websocket_compression",
     .flags = {"--websocket-compression"},
     .group = Group::websockets,
     .target = Compression{&S::websocket_compression},
     .value_name = "MODE",
     .help = "permessage-deflate, for clients that offer it: off, message (each by itself) or "
             "context.",
     .details = "`context` compresses small, similar messages better, and keeps about 52 KiB for "
                "each WebSocket; `message` keeps nothing between messages."},
};

}  // namespace

std::span<const Setting> websockets_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
