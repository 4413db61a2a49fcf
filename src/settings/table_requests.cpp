// SPDX-License-Identifier: MIT
// Rows of the table: connections and requests: timeouts and limits.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_most_line = 1 << 20;
constexpr std::int64_t k_most_fields = 32768;
constexpr std::int64_t k_most_head = 16 << 20;

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "keep_alive",
     .flags = {"--keep-alive"},
     .group = Group::timeouts,
     .target = Duration{&S::keep_alive},
     .value_name = "DURATION",
     .help = "How long an idle connection is kept for its next request; 0: it is closed after "
             "each answer.",
     .maximum = k_day_ms},
    {.key = "request_head_timeout",
     .flags = {"--request-head-timeout"},
     .group = Group::timeouts,
     .target = Duration{&S::request_head_timeout},
     .value_name = "DURATION",
     .help = "The time a request's head may take to arrive (408); 0: any time.",
     .details = "It runs from the accept, or from the first byte of a later request, and no "
                "byte that arrives prolongs it.",
     .maximum = k_day_ms},
    {.key = "body_timeout",
     .flags = {"--body-timeout"},
     .group = Group::timeouts,
     .target = Duration{&S::body_timeout},
     .value_name = "DURATION",
     .help = "How long a request's body may stand still while the application waits for it; 0: "
             "any time.",
     .maximum = k_day_ms},
    {.key = "write_timeout",
     .flags = {"--write-timeout"},
     .group = Group::timeouts,
     .target = Duration{&S::write_timeout},
     .value_name = "DURATION",
     .help = "How long a client may take no byte of its answer; 0: any time.",
     .maximum = k_day_ms},
    {.key = "request_timeout",
     .flags = {"--request-timeout"},
     .group = Group::timeouts,
     .target = Duration{&S::request_timeout},
     .value_name = "DURATION",
     .help = "The time a request may take from its head to the end of its answer (504); 0: any "
             "time.",
     .details = "When it is over, the handler is cancelled.",
     .maximum = k_day_ms},

    {.key = "limit_keepalive_requests",
     .flags = {"--limit-keepalive-requests"},
     .group = Group::limits,
     .target = Count{&S::limit_keepalive_requests},
     .value_name = "INT",
     .help = "Requests that one connection may make before it is closed; 0: any number."},
    {.key = "limit_request_line",
     .flags = {"--limit-request-line"},
     .group = Group::limits,
     .target = Size{&S::limit_request_line},
     .value_name = "SIZE",
     .help = "The longest request line (414).",
     .details = "gunicorn's default is 4094.",
     .minimum = 16,
     .maximum = k_most_line},
    {.key = "limit_request_fields",
     .flags = {"--limit-request-fields"},
     .group = Group::limits,
     .target = Count{&S::limit_request_fields},
     .value_name = "INT",
     .help = "The most header fields in a request (431).",
     .minimum = 1,
     .maximum = k_most_fields},
    {.key = "limit_request_field_size",
     .flags = {"--limit-request-field-size", "--limit-request-field_size"},
     .group = Group::limits,
     .target = Size{&S::limit_request_field_size},
     .value_name = "SIZE",
     .help = "The longest header field line (431).",
     .minimum = 16,
     .maximum = k_most_line},
    {.key = "limit_request_head",
     .flags = {"--limit-request-head"},
     .group = Group::limits,
     .target = Size{&S::limit_request_head},
     .value_name = "SIZE",
     .help = "The largest request head: request line and all fields together (431).",
     .minimum = 64,
     .maximum = k_most_head},
    {.key = "limit_request_body",
     .flags = {"--limit-request-body"},
     .group = Group::limits,
     .target = Size{&S::limit_request_body},
     .value_name = "SIZE",
     .help = "The largest request body (413); 0: any size.",
     .details = "Bodies are streamed to the application, so that a large one costs no memory by "
                "itself."},
    {.key = "limit_request_text",
     .flags = {"--limit-request-text"},
     .group = Group::limits,
     .target = Size{&S::limit_request_text},
     .value_name = "SIZE",
     .help = "The largest body that `co_await request.text()` reads into memory (413).",
     .minimum = 1},
    {.key = "limit_unread_body",
     .flags = {"--limit-unread-body"},
     .group = Group::limits,
     .target = Size{&S::limit_unread_body},
     .value_name = "SIZE",
     .help = "How much of a body that the application left unread is thrown away to keep the "
             "connection.",
     .details = "A connection with more left to come is closed after the answer; over HTTP/2 only "
                "the stream is reset."},
    {.key = "server_header",
     .flags = {"--server-header"},
     .group = Group::limits,
     .target = Text{&S::server_header},
     .value_name = "TEXT",
     .help = "The Server field of every answer; empty: none.",
     .may_hold_controls = false},
};

}  // namespace

std::span<const Setting> requests_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
