// SPDX-License-Identifier: MIT
#include "settings/table.hpp"

#include <algorithm>

#include "settings/value.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_day_ms = 24 * 60 * 60 * 1000;
constexpr std::int64_t k_most_workers = 1024;
constexpr std::int64_t k_most_backlog = 65535;
constexpr std::int64_t k_highest_port = 65535;
constexpr std::int64_t k_most_line = 1 << 20;
constexpr std::int64_t k_most_fields = 32768;
constexpr std::int64_t k_most_head = 16 << 20;

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

    {.key = "workers",
     .flags = {"--workers", "-w"},
     .group = Group::workers,
     .target = WorkerCount{&S::workers},
     .value_name = "INT|auto",
     .help = "Worker processes; auto starts one for each processor that this process may use.",
     .details = "`auto` counts the processors of the affinity mask and heeds the processor quota "
                "of the cgroup (v1 and v2, the tightest on the way to the root, rounded up), not "
                "the size of the machine.",
     .minimum = 1,
     .maximum = k_most_workers,
     .environment = "WEB_CONCURRENCY"},
    {.key = "reactor",
     .flags = {"--reactor"},
     .group = Group::workers,
     .target = Reactor{&S::reactor},
     .value_name = "NAME",
     .help = "The kernel interface of the workers: auto, io_uring or epoll.",
     .details = "`auto` takes io_uring where the kernel allows it, and otherwise epoll with one "
                "warning that names the cause. `io_uring` refuses to start instead."},
    {.key = "worker_connections",
     .flags = {"--worker-connections"},
     .group = Group::workers,
     .target = Count{&S::worker_connections},
     .value_name = "INT",
     .help = "Connections that one worker holds at a time; 0: as many as its limit of file "
             "descriptors allows."},
    {.key = "worker_tmp_dir",
     .flags = {"--worker-tmp-dir"},
     .group = Group::workers,
     .target = Text{&S::worker_tmp_dir},
     .value_name = "DIR",
     .help = "Where the workers' heartbeat files are; best in memory.",
     .may_be_empty = false},
    {.key = "timeout",
     .flags = {"--timeout", "-t"},
     .group = Group::workers,
     .target = Duration{&S::timeout},
     .value_name = "DURATION",
     .help = "A worker that gives no sign of life for so long is aborted and replaced; 0: never.",
     .details = "It measures the worker, not a request: a handler that waits in `co_await` is "
                "alive however long it takes, one that blocks the reactor is not.",
     .maximum = k_day_ms},
    {.key = "boot_timeout",
     .flags = {"--boot-timeout"},
     .group = Group::workers,
     .target = Duration{&S::boot_timeout},
     .value_name = "DURATION",
     .help = "A worker that is not ready so long after its start is killed; 0: never.",
     .maximum = k_day_ms},
    {.key = "graceful_timeout",
     .flags = {"--graceful-timeout"},
     .group = Group::workers,
     .target = Duration{&S::graceful_timeout},
     .value_name = "DURATION",
     .help = "How long requests in flight may take to finish when a worker is told to stop.",
     .maximum = k_day_ms},

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
     .details = "A connection with more left to come is closed after the answer."},
    {.key = "server_header",
     .flags = {"--server-header"},
     .group = Group::limits,
     .target = Text{&S::server_header},
     .value_name = "TEXT",
     .help = "The Server field of every answer; empty: none."},

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

    {.key = "config",
     .flags = {"--config", "-c"},
     .group = Group::command,
     .target = ConfigFile{},
     .value_name = "FILE",
     .help = "The configuration file; without this flag ./uringcorn.toml, if it is there."},
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

std::span<const Setting> table() {
  return k_rows;
}

const Setting* find_key(std::string_view key) {
  const auto found = std::find_if(table().begin(), table().end(),
                                  [key](const Setting& setting) { return setting.key == key; });
  return found == table().end() ? nullptr : &*found;
}

bool is_configurable(const Setting& setting) {
  return !std::holds_alternative<ConfigFile>(setting.target) &&
         !std::holds_alternative<Print>(setting.target);
}

bool takes_several(const Setting& setting) {
  return std::holds_alternative<List>(setting.target) ||
         std::holds_alternative<Addresses>(setting.target);
}

std::string_view command_line_name(const Setting& setting) {
  return setting.flags.empty() ? setting.value_name : setting.flags.front();
}

}  // namespace uringcorn::settings
