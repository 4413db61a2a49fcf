// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/address_list.hpp"
#include "base/log_format.hpp"
#include "base/log_level.hpp"

namespace uringcorn::settings {

// Which kernel interface the workers' reactors use.
enum class ReactorChoice {
  automatic,  // io_uring where it works, else epoll with one warning
  io_uring,   // io_uring, or refuse to start
  epoll,
};

// Whether connections begin with a header that names the client, and in which versions.
enum class ProxyProtocol { off, v1, v2, automatic };

// Which certificates clients have to show; the numbers are those of gunicorn and of Python's ssl.
enum class CertReqs { none = 0, optional = 1, required = 2 };

enum class TlsVersion { tls_1_2, tls_1_3 };

// TLS on a listener. Without a certificate there is none.
struct TlsSettings {
  // PEM files: certificates with their chains, and the key of each at the same place; no keyfile at
  // all: each key is in the certificate's file.
  std::vector<std::string> certfile;
  std::vector<std::string> keyfile;
  // DER files: an OCSP response for the certificate at the same place.
  std::vector<std::string> ocsp_file;
  // Who may have issued the certificates of clients, in PEM form.
  std::string ca_certs;
  CertReqs cert_reqs = CertReqs::none;
  // Cipher suites in the order of preference, with colons between; empty: the default ones.
  std::string ciphers;
  TlsVersion tls_min = TlsVersion::tls_1_2;

  bool operator==(const TlsSettings&) const = default;
};

// A place to listen at, and how it is served.
struct ListenerSettings {
  std::string bind;  // as in Settings::bind
  bool is_tls = false;
  TlsSettings tls;
};

// Which WebSocket messages are compressed (permessage-deflate), if the client offers that.
enum class WebSocketCompression {
  off,
  message,  // each by itself: nothing is kept between messages
  context,  // with what was sent before, in both directions
};

// Which versions of HTTP are spoken, as far as a listener can tell them apart.
enum class HttpProtocols { h1, h2, h1_and_h2 };

// Every setting of the server at its effective value: plain data, copied freely, never changed
// once resolved. The defaults are written here and nowhere else; names, flags, help and limits
// are in table.hpp. Durations are milliseconds and sizes are bytes; 0 means what each comment says.
struct Settings : TlsSettings {
  // What is served: `PATH.so[:symbol]`, exactly as given. Empty: the built-in welcome application.
  std::string app_path;

  // Listeners. Each is `HOST:PORT`, `[v6]:PORT`, `:PORT`, `unix:PATH` or `fd://N`, maybe behind
  // `http://` or `https://`; never empty.
  std::vector<std::string> bind{"127.0.0.1:8000"};
  // What comes of `bind` and of the file's [[listener]] tables; at least one once resolved.
  std::vector<ListenerSettings> listeners;
  int backlog = 2048;
  // One listening socket for each worker instead of one for all.
  bool reuse_port = false;

  // Proxies in front: whose connections begin with a PROXY header, and whose X-Forwarded-* and
  // Forwarded fields are believed. The peers of unix sockets are in both lists always.
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  AddressList proxy_allow_from = AddressList::loopback();
  AddressList forwarded_allow_ips = AddressList::loopback();

  // From the accept to the end of a TLS handshake; 0: forever.
  std::chrono::milliseconds tls_handshake_timeout{10'000};
  // TLS handshakes one worker has under way at a time; never 0.
  std::size_t tls_handshakes = 1024;
  // How long a client may come back to its TLS session; 0: never.
  std::chrono::milliseconds tls_ticket_lifetime{2 * 60 * 60 * 1000};

  // The process itself. Empty texts: nothing is changed. Relative names, here and elsewhere, begin
  // at `chdir`.
  std::string chdir;
  std::vector<std::string> env;  // each is NAME=VALUE; for the workers
  bool daemon = false;
  std::string pid;
  std::string user;
  std::string group;
  int umask = -1;  // -1: as inherited
  std::string name;

  // Workers. `workers` is a number already: `auto` was counted when the settings were resolved.
  int workers = 1;
  // How they run requests: `async`, `threads`, `sync`, a word of gunicorn's for one of these, or
  // `PATH.so[:symbol]` for a class of the user's own.
  std::string worker_class = "async";
  // Threads of one worker, and how many requests may wait for one while all are busy.
  int threads = 4;
  std::size_t thread_queue = 1024;
  ReactorChoice reactor = ReactorChoice::automatic;
  // Connections one worker holds at a time; 0: as many as its limit of descriptors allows.
  std::size_t worker_connections = 0;
  std::string worker_tmp_dir = "/dev/shm";
  // Workers are forked from a process that has loaded the application.
  bool preload = false;
  // A worker silent for so long is aborted; 0: never.
  std::chrono::milliseconds timeout{30'000};
  // A worker that is not ready so long after its fork is killed; 0: never.
  std::chrono::milliseconds boot_timeout{30'000};
  // How long requests in flight may take to finish once a stop was asked for; 0: none at all.
  std::chrono::milliseconds graceful_timeout{30'000};
  // After TERM the server serves on for so long, while shutting_down() is true already.
  std::chrono::milliseconds shutdown_delay{0};
  // Workers that are there in excess during a reload, those included that still finish; never 0.
  int reload_batch = 1;
  // A worker is replaced when it has answered so many requests, and up to so many more by chance,
  // or uses more memory of its own; 0: never.
  std::size_t max_requests = 0;
  std::size_t max_requests_jitter = 0;
  std::size_t max_worker_memory = 0;
  // How often one worker is restarted within the window; 0: any number.
  std::size_t max_restarts = 10;
  std::chrono::milliseconds restart_window{60'000};

  // Connections. Each timeout is off at 0, except that keep_alive 0 closes after each answer.
  std::chrono::milliseconds keep_alive{5'000};
  // From the first byte of a request (or from the accept) to the end of its head.
  std::chrono::milliseconds request_head_timeout{10'000};
  // Without one byte of the body arriving, while the application waits for it.
  std::chrono::milliseconds body_timeout{30'000};
  // Without one byte of the answer accepted by the peer.
  std::chrono::milliseconds write_timeout{30'000};
  // From the end of the head to the end of the answer.
  std::chrono::milliseconds request_timeout{0};
  // Requests one connection may make; 0: any number.
  std::size_t limit_keepalive_requests = 0;

  // HTTP/2. The first four are what our SETTINGS frame announces, never 0.
  HttpProtocols http_protocols = HttpProtocols::h1_and_h2;
  bool http2_cleartext = false;
  std::size_t http2_max_concurrent_streams = 100;
  std::size_t http2_initial_window_size = 65'535;
  std::size_t http2_max_frame_size = 16'384;
  std::size_t http2_max_header_list_size = 65'536;
  // Of silence from a client that has streams open, until it gets a PING; 0: it gets none.
  std::chrono::milliseconds http2_ping_interval{30'000};
  // For our SETTINGS and PINGs to be acknowledged; 0: any time.
  std::chrono::milliseconds http2_ack_timeout{10'000};

  // Requests. These four are never 0.
  std::size_t limit_request_line = 8190;
  std::size_t limit_request_fields = 100;
  std::size_t limit_request_field_size = 8190;
  // Request line and fields together; never less than limit_request_line.
  std::size_t limit_request_head = 65'536;
  // 0: any size.
  std::size_t limit_request_body = 0;
  // What `co_await request.text()` reads into memory at most; never 0.
  std::size_t limit_request_text = 8'388'608;
  // What is read and thrown away of a body that the application left unread, so that the connection
  // can be kept; past it the connection is closed. 0: nothing is drained.
  std::size_t limit_unread_body = 262'144;

  // WebSockets. A message is counted after inflation; a max_frame of 0 is as much as a message.
  std::size_t websocket_max_message = 1'048'576;
  std::size_t websocket_max_frame = 0;
  // Bytes of messages that may wait for the handler; bytes that may wait for a member of a group.
  std::size_t websocket_queue = 1'048'576;
  // Without a byte from the client, until it is asked for one; then until it is given up. 0: never.
  std::chrono::milliseconds websocket_ping_interval{20'000};
  std::chrono::milliseconds websocket_ping_timeout{20'000};
  // For the client to answer a Close, and for the handler to return after the end; never 0.
  std::chrono::milliseconds websocket_close_timeout{10'000};
  WebSocketCompression websocket_compression = WebSocketCompression::message;

  // The value of the Server field; empty: no such field.
  std::string server_header = "uringcorn";

  // Whether the application's file, and those that these patterns name, are watched, and a change
  // of one is a reload.
  bool reload = false;
  std::vector<std::string> reload_extra_file;

  // Logs. A file name, or `-`: standard output for the access log, standard error for the error
  // log. An empty access_logfile is no access log.
  std::string access_logfile;
  // A template of gunicorn's atoms, or `json`.
  std::string access_log_format = R"(%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s")";
  std::string error_logfile = "-";
  LogLevel log_level = LogLevel::info;
  // Whether what the application writes to its standard streams goes to error_logfile.
  bool capture_output = false;
  LogFormat error_log_format = LogFormat::text;
  // Whether both logs go to a syslog daemon, too; the access log only if that is not disabled.
  bool log_syslog = false;
  std::string log_syslog_to = "unix:///dev/log";
  std::string log_syslog_prefix = "uringcorn";
  int log_syslog_facility = 1;  // user
  bool disable_redirect_access_to_syslog = false;
};

}  // namespace uringcorn::settings
