// SPDX-License-Identifier: MIT
#include "settings/gunicorn_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "settings/table.hpp"

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
constexpr std::string_view k_no_logging = "gunicorn's, for Python's logging";
constexpr std::string_view k_no_hooks =
    "gunicorn's, a function in Python; an application has on_startup, on_shutdown and middleware";

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
    Advice{"--log-config", k_no_logging},
    Advice{"--log-config-json", k_no_logging},
    Advice{"--logger-class", k_no_logging},
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

// The keys of a gunicorn.conf.py that are not spelt like the flag, and the flag's.
struct Key {
  std::string_view name;
  std::string_view here;
};
constexpr std::array k_keys{
    Key{"accesslog", "access_logfile"},
    Key{"errorlog", "error_logfile"},
    Key{"keepalive", "keep_alive"},
    Key{"loglevel", "log_level"},
    Key{"pidfile", "pid"},
    Key{"preload_app", "preload"},
    Key{"proc_name", "name"},
    Key{"proxy_allow_ips", "proxy_allow_from"},
    Key{"raw_env", "env"},
    Key{"reload_extra_files", "reload_extra_file"},
    Key{"syslog", "log_syslog"},
    Key{"syslog_addr", "log_syslog_to"},
    Key{"syslog_facility", "log_syslog_facility"},
    Key{"syslog_prefix", "log_syslog_prefix"},
    Key{"wsgi_app", "app"},
};

// Those that are neither a flag's nor of any use here.
constexpr std::array k_keys_without_place{
    Advice{"check_config", "gunicorn's; it is a flag only"},
    Advice{"child_exit", k_no_hooks},
    Advice{"control_socket_disable", k_no_control},
    Advice{"default_proc_name", "gunicorn's; name is shown with the processes"},
    Advice{"dirty_apps", k_no_dirty},
    Advice{"dirty_post_fork", k_no_dirty},
    Advice{"dirty_worker_exit", k_no_dirty},
    Advice{"dirty_worker_init", k_no_dirty},
    Advice{"logconfig", k_no_logging},
    Advice{"logconfig_dict", k_no_logging},
    Advice{"logconfig_json", k_no_logging},
    Advice{"nworkers_changed", k_no_hooks},
    Advice{"on_dirty_starting", k_no_dirty},
    Advice{"on_exit", k_no_hooks},
    Advice{"on_reload", k_no_hooks},
    Advice{"on_starting", k_no_hooks},
    Advice{"post_fork", k_no_hooks},
    Advice{"post_request", k_no_hooks},
    Advice{"post_worker_init", k_no_hooks},
    Advice{"pre_exec", k_no_hooks},
    Advice{"pre_fork", k_no_hooks},
    Advice{"pre_request", k_no_hooks},
    Advice{"print_config", "gunicorn's; it is a flag only"},
    Advice{"raw_paste_global_conf", k_no_python},
    Advice{"secure_scheme_headers", "gunicorn's; X-Forwarded-Proto and Forwarded are read here"},
    Advice{"sendfile", "gunicorn's; there is no such choice here"},
    Advice{"ssl_context", k_no_hooks},
    Advice{"tmp_upload_dir", "gunicorn's; no body is kept in a file here"},
    Advice{"uwsgi_allow_ips", "gunicorn's; only HTTP is spoken here"},
    Advice{"when_ready", k_no_hooks},
    Advice{"worker_abort", k_no_hooks},
    Advice{"worker_exit", k_no_hooks},
    Advice{"worker_int", k_no_hooks},
};

template <typename Named, std::size_t N>
const Named* find(const std::array<Named, N>& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [name](const Named& each) { return each.name == name; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::string gunicorn_flag_advice(std::string_view flag) {
  const Advice* advice = find(k_flags, flag);
  return std::string(advice == nullptr ? "" : advice->text);
}

std::string gunicorn_key_advice(std::string_view key) {
  const Key* other_word = find(k_keys, key);
  if (other_word != nullptr && find_key(other_word->here) != nullptr) {
    return fmt::format("did you mean {}?", other_word->here);
  }
  if (const Advice* advice = find(k_keys_without_place, key)) {
    return std::string(advice->text);
  }
  std::string flag = fmt::format("--{}", key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return gunicorn_flag_advice(flag);
}

}  // namespace uringcorn::settings
