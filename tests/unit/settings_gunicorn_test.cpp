// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "settings/command_line.hpp"
#include "settings/error.hpp"
#include "settings/gunicorn_names.hpp"
#include "settings/table.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn::settings;

namespace {

// Every flag of gunicorn 26.1.
constexpr std::array k_gunicorn_flags{"-c",
                                      "--config",
                                      "-b",
                                      "--bind",
                                      "--backlog",
                                      "-w",
                                      "--workers",
                                      "-k",
                                      "--worker-class",
                                      "--threads",
                                      "--worker-connections",
                                      "--max-requests",
                                      "--max-requests-jitter",
                                      "-t",
                                      "--timeout",
                                      "--graceful-timeout",
                                      "--keep-alive",
                                      "--limit-request-line",
                                      "--limit-request-fields",
                                      "--limit-request-field_size",
                                      "--reload",
                                      "--reload-engine",
                                      "--reload-extra-file",
                                      "--spew",
                                      "--check-config",
                                      "--print-config",
                                      "--preload",
                                      "--no-sendfile",
                                      "--reuse-port",
                                      "--chdir",
                                      "-D",
                                      "--daemon",
                                      "-e",
                                      "--env",
                                      "-p",
                                      "--pid",
                                      "--worker-tmp-dir",
                                      "-u",
                                      "--user",
                                      "-g",
                                      "--group",
                                      "-m",
                                      "--umask",
                                      "--initgroups",
                                      "--forwarded-allow-ips",
                                      "--access-logfile",
                                      "--disable-redirect-access-to-syslog",
                                      "--access-logformat",
                                      "--error-logfile",
                                      "--log-file",
                                      "--log-level",
                                      "--capture-output",
                                      "--logger-class",
                                      "--log-config",
                                      "--log-config-json",
                                      "--log-syslog-to",
                                      "--log-syslog",
                                      "--log-syslog-prefix",
                                      "--log-syslog-facility",
                                      "-R",
                                      "--enable-stdio-inheritance",
                                      "--statsd-host",
                                      "--dogstatsd-tags",
                                      "--statsd-prefix",
                                      "--enable-backlog-metric",
                                      "-n",
                                      "--name",
                                      "--pythonpath",
                                      "--paste",
                                      "--paster",
                                      "--proxy-protocol",
                                      "--proxy-allow-from",
                                      "--protocol",
                                      "--uwsgi-allow-from",
                                      "--keyfile",
                                      "--certfile",
                                      "--ssl-version",
                                      "--cert-reqs",
                                      "--ca-certs",
                                      "--suppress-ragged-eofs",
                                      "--do-handshake-on-connect",
                                      "--ciphers",
                                      "--http-protocols",
                                      "--http2-cleartext",
                                      "--http2-max-concurrent-streams",
                                      "--http2-initial-window-size",
                                      "--http2-max-frame-size",
                                      "--http2-max-header-list-size",
                                      "--paste-global",
                                      "--permit-obsolete-folding",
                                      "--strip-header-spaces",
                                      "--permit-unconventional-http-method",
                                      "--permit-unconventional-http-version",
                                      "--casefold-http-method",
                                      "--forwarder-headers",
                                      "--header-map",
                                      "--asgi-loop",
                                      "--asgi-lifespan",
                                      "--asgi-disconnect-grace-period",
                                      "--http-parser",
                                      "--root-path",
                                      "--dirty-app",
                                      "--dirty-workers",
                                      "--dirty-timeout",
                                      "--dirty-threads",
                                      "--dirty-graceful-timeout",
                                      "--control-socket",
                                      "--control-socket-mode",
                                      "--no-control-socket"};

// Every key of a gunicorn.conf.py, of the same version.
constexpr std::array k_gunicorn_keys{
    "wsgi_app",
    "bind",
    "backlog",
    "workers",
    "worker_class",
    "threads",
    "worker_connections",
    "max_requests",
    "max_requests_jitter",
    "timeout",
    "graceful_timeout",
    "keepalive",
    "limit_request_line",
    "limit_request_fields",
    "limit_request_field_size",
    "reload",
    "reload_engine",
    "reload_extra_files",
    "spew",
    "check_config",
    "print_config",
    "preload_app",
    "sendfile",
    "reuse_port",
    "chdir",
    "daemon",
    "raw_env",
    "pidfile",
    "worker_tmp_dir",
    "user",
    "group",
    "umask",
    "initgroups",
    "tmp_upload_dir",
    "secure_scheme_headers",
    "forwarded_allow_ips",
    "accesslog",
    "disable_redirect_access_to_syslog",
    "access_log_format",
    "errorlog",
    "loglevel",
    "capture_output",
    "logger_class",
    "logconfig",
    "logconfig_dict",
    "logconfig_json",
    "syslog_addr",
    "syslog",
    "syslog_prefix",
    "syslog_facility",
    "enable_stdio_inheritance",
    "statsd_host",
    "dogstatsd_tags",
    "statsd_prefix",
    "enable_backlog_metric",
    "proc_name",
    "default_proc_name",
    "pythonpath",
    "paste",
    "on_starting",
    "on_reload",
    "when_ready",
    "pre_fork",
    "post_fork",
    "post_worker_init",
    "worker_int",
    "worker_abort",
    "pre_exec",
    "pre_request",
    "post_request",
    "child_exit",
    "worker_exit",
    "nworkers_changed",
    "on_exit",
    "ssl_context",
    "proxy_protocol",
    "proxy_allow_ips",
    "protocol",
    "uwsgi_allow_ips",
    "keyfile",
    "certfile",
    "ssl_version",
    "cert_reqs",
    "ca_certs",
    "suppress_ragged_eofs",
    "do_handshake_on_connect",
    "ciphers",
    "http_protocols",
    "http2_cleartext",
    "http2_max_concurrent_streams",
    "http2_initial_window_size",
    "http2_max_frame_size",
    "http2_max_header_list_size",
    "raw_paste_global_conf",
    "permit_obsolete_folding",
    "strip_header_spaces",
    "permit_unconventional_http_method",
    "permit_unconventional_http_version",
    "casefold_http_method",
    "forwarder_headers",
    "header_map",
    "asgi_loop",
    "asgi_lifespan",
    "asgi_disconnect_grace_period",
    "http_parser",
    "root_path",
    "dirty_apps",
    "dirty_workers",
    "dirty_timeout",
    "dirty_threads",
    "dirty_graceful_timeout",
    "on_dirty_starting",
    "dirty_post_fork",
    "dirty_worker_init",
    "dirty_worker_exit",
    "control_socket",
    "control_socket_mode",
    "control_socket_disable",
};

// A row of a table of docs/from-gunicorn.md: gunicorn's flags, and what is said of them.
struct Row {
  std::vector<std::string> flags;
  std::string here;
};

std::vector<std::string> flags_in(std::string_view text) {
  std::vector<std::string> flags;
  for (std::size_t at = text.find("`-"); at != std::string_view::npos; at = text.find("`-", at)) {
    const std::size_t end = text.find_first_of("` =", at + 1);
    flags.emplace_back(text.substr(at + 1, end - at - 1));
    at = text.find('`', at + 1) + 1;
  }
  return flags;
}

std::vector<Row> rows_of_the_page() {
  std::vector<Row> rows;
  std::istringstream page(uringcorn::text_of(URINGCORN_SOURCE_ROOT "/docs/from-gunicorn.md"));
  for (std::string line; std::getline(page, line);) {
    const std::size_t middle = line.find(" | ");
    if (line.starts_with("| `-") && middle != std::string::npos) {
      rows.push_back({flags_in(line.substr(0, middle)), line.substr(middle + 3)});
    }
  }
  return rows;
}

bool is_in_table(std::string_view flag) {
  return find_flag(flag) != nullptr;
}

}  // namespace

TEST_CASE("docs/from-gunicorn.md says of each of gunicorn's flags whether it is here") {
  const std::vector<Row> rows = rows_of_the_page();
  for (const std::string_view flag : k_gunicorn_flags) {
    CAPTURE(flag);
    const auto row = std::find_if(rows.begin(), rows.end(), [flag](const Row& each) {
      return std::find(each.flags.begin(), each.flags.end(), flag) != each.flags.end();
    });
    REQUIRE(row != rows.end());
    const bool is_said_to_be_here = !row->here.starts_with("not there");
    CHECK(is_in_table(flag) == is_said_to_be_here);
  }
  for (const Row& row : rows) {
    for (const std::string& flag : flags_in(row.here)) {
      CAPTURE(flag);
      CHECK(is_in_table(flag));
    }
  }
}

TEST_CASE("a flag of gunicorn that has no place here is refused with the reason") {
  for (const Row& row : rows_of_the_page()) {
    for (const std::string& flag : row.flags) {
      CAPTURE(flag);
      if (is_in_table(flag) || !row.here.starts_with("not there: ")) {
        continue;
      }
      try {
        parse_command_line({flag});
        FAIL("it was taken");
      } catch (const SettingsError& error) {
        const std::string_view told = error.what();
        CAPTURE(told);
        CHECK(told.starts_with("unknown option \"" + flag + "\" (gunicorn's"));
      }
    }
  }
  CHECK(gunicorn_flag_advice("--frobnicate").empty());
}

TEST_CASE("each of gunicorn's keys is one here, or is told what became of it") {
  for (const std::string_view key : k_gunicorn_keys) {
    CAPTURE(key);
    CHECK((find_key(key) != nullptr || !gunicorn_key_advice(key).empty()));
  }
}

TEST_CASE("advice names only what exists") {
  for (const std::string_view key : k_gunicorn_keys) {
    CAPTURE(key);
    constexpr std::string_view k_question = "did you mean ";
    const std::string advice = gunicorn_key_advice(key);
    if (advice.starts_with(k_question)) {
      const std::string_view meant = std::string_view(advice).substr(k_question.size());
      CHECK(find_key(meant.substr(0, meant.size() - 1)) != nullptr);
    }
  }
  CHECK(gunicorn_key_advice("accesslog") == "did you mean access_logfile?");
  CHECK(gunicorn_key_advice("logger_class") == "gunicorn's, for Python's logging");
  CHECK(gunicorn_key_advice("frobnicate").empty());
}
