// SPDX-License-Identifier: MIT
#include "settings/gunicorn_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace uringcorn::settings {

namespace {

struct Advice {
  std::string_view name;
  std::string_view text;
};

constexpr std::string_view k_no_python = "gunicorn's, for Python applications";
constexpr std::string_view k_strict = "gunicorn's; requests are always read strictly here";
constexpr std::string_view k_no_statsd = "gunicorn's; there is no statsd here";
constexpr std::string_view k_no_dirty = "gunicorn's; there are no dirty workers here";
constexpr std::string_view k_no_control = "gunicorn's; signals steer the server here";

constexpr std::array k_flags{
    Advice{"--asgi-disconnect-grace-period", k_no_python},
    Advice{"--asgi-lifespan", k_no_python},
    Advice{"--asgi-loop", k_no_python},
    Advice{"--casefold-http-method", k_strict},
    Advice{"--control-socket", k_no_control},
    Advice{"--control-socket-mode", k_no_control},
    Advice{"--dirty-app", k_no_dirty},
    Advice{"--dirty-graceful-timeout", k_no_dirty},
    Advice{"--dirty-threads", k_no_dirty},
    Advice{"--dirty-timeout", k_no_dirty},
    Advice{"--dirty-workers", k_no_dirty},
    Advice{"--do-handshake-on-connect", "gunicorn's; it always is so here"},
    Advice{"--dogstatsd-tags", k_no_statsd},
    Advice{"--enable-backlog-metric", k_no_statsd},
    Advice{"--enable-stdio-inheritance", "gunicorn's; it always is so here"},
    Advice{"--forwarder-headers", "gunicorn's; there are no CGI names here"},
    Advice{"--header-map", "gunicorn's; there are no CGI names here"},
    Advice{"--http-parser", "gunicorn's; there is one parser here"},
    Advice{"--initgroups", "gunicorn's; --user always sets the supplementary groups"},
    Advice{"--log-config", "gunicorn's, for Python's logging"},
    Advice{"--log-config-json", "gunicorn's, for Python's logging"},
    Advice{"--logger-class", "gunicorn's, for Python's logging"},
    Advice{"--no-control-socket", k_no_control},
    Advice{"--no-sendfile", "gunicorn's; there is no such choice here"},
    Advice{"--paste", k_no_python},
    Advice{"--paste-global", k_no_python},
    Advice{"--paster", k_no_python},
    Advice{"--permit-obsolete-folding", k_strict},
    Advice{"--permit-unconventional-http-method", k_strict},
    Advice{"--permit-unconventional-http-version", k_strict},
    Advice{"--protocol", "gunicorn's; only HTTP is spoken here"},
    Advice{"--pythonpath", k_no_python},
    Advice{"--reload-engine", "gunicorn's; it is always inotify here"},
    Advice{"--root-path", k_no_python},
    Advice{"--spew", k_no_python},
    Advice{"--ssl-version", "gunicorn's; --tls-min sets the oldest version of TLS"},
    Advice{"--statsd-host", k_no_statsd},
    Advice{"--statsd-prefix", k_no_statsd},
    Advice{"--strip-header-spaces", k_strict},
    Advice{"--suppress-ragged-eofs", "gunicorn's; it always is so here"},
    Advice{"--uwsgi-allow-from", "gunicorn's; only HTTP is spoken here"},
    Advice{"-R", "gunicorn's; it always is so here"},
};

// The keys of a gunicorn.conf.py that are not spelt like the flag.
constexpr std::array k_keys{
    Advice{"accesslog", "did you mean access_logfile?"},
    Advice{"errorlog", "did you mean error_logfile?"},
    Advice{"keepalive", "did you mean keep_alive?"},
    Advice{"loglevel", "did you mean log_level?"},
    Advice{"pidfile", "did you mean pid?"},
    Advice{"preload_app", "did you mean preload?"},
    Advice{"proc_name", "did you mean name?"},
    Advice{"proxy_allow_ips", "did you mean proxy_allow_from?"},
    Advice{"raw_env", "did you mean env?"},
    Advice{"reload_extra_files", "did you mean reload_extra_file?"},
    Advice{"syslog", "did you mean log_syslog?"},
    Advice{"syslog_addr", "did you mean log_syslog_to?"},
    Advice{"syslog_facility", "did you mean log_syslog_facility?"},
    Advice{"syslog_prefix", "did you mean log_syslog_prefix?"},
    Advice{"wsgi_app", "did you mean app?"},
};

std::string find(std::span<const Advice> list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [name](const Advice& advice) { return advice.name == name; });
  return std::string(found == list.end() ? "" : found->text);
}

}  // namespace

std::string gunicorn_flag_advice(std::string_view flag) {
  return find(k_flags, flag);
}

std::string gunicorn_key_advice(std::string_view key) {
  if (std::string advice = find(k_keys, key); !advice.empty()) {
    return advice;
  }
  std::string flag = fmt::format("--{}", key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return find(k_flags, flag);
}

}  // namespace uringcorn::settings
