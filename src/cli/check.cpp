// SPDX-License-Identifier: MIT
#include "cli/check.hpp"

#include <fmt/format.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "app/loader.hpp"
#include "arbiter/start.hpp"
#include "base/escape.hpp"
#include "cli/print.hpp"
#include "net/tls/error.hpp"
#include "net/tls/material.hpp"
#include "net/tls/ocsp.hpp"
#include "net/tls_library.hpp"
#include "observe/syslog.hpp"
#include "reactor/reactor.hpp"
#include "settings/cgroup.hpp"
#include "settings/cpu_count.hpp"
#include "settings/value.hpp"
#include "worker/boot.hpp"
#include "worker/class_choice.hpp"
#include "worker/connection_limit.hpp"

namespace uringcorn::cli {

namespace {

using settings::ReactorChoice;
using settings::Settings;

constexpr int k_exit_cannot_start = 1;

/// The report, and what is wrong; the first problem decides the exit code.
struct Findings {
  std::string report;
  std::string problems;
  int code = 0;

  void note(std::string_view subject, std::string_view finding) {
    report += fmt::format("{:<14}{}\n", subject, finding);
  }
  void problem(int exit_code, std::string_view sentence) {
    problems += fmt::format("uringcorn: {}\n", sentence);
    code = code == 0 ? exit_code : code;
  }
};

int load(const Settings& settings) {
  try {
    const worker::ClassChoice choice = worker::parse_class(settings.worker_class);
    if (choice.kind == worker::ClassKind::module) {
      // Whether there is an application, and of what kind, is its business.
      app::load_worker_class(choice.module);
    } else {
      app::load(settings.app_path);
    }
    return worker::k_exit_ok;
  } catch (const app::LoadError& error) {
    return refuse(error.what(), worker::k_exit_app_not_loaded);
  } catch (const std::exception& error) {
    return refuse(fmt::format("the application failed to boot: {}", error.what()),
                  worker::k_exit_failed_to_boot);
  }
}

void check_application(const Settings& settings, Findings& findings) {
  const std::string name =
      settings.app_path.empty() ? "the welcome page" : escaped(settings.app_path);
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(load(settings));
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) < 0) {
    findings.problem(k_exit_cannot_start,
                     fmt::format("cannot start a process to load the application: {}",
                                 std::generic_category().message(errno)));
  } else if (WIFSIGNALED(status)) {
    findings.problem(worker::k_exit_failed_to_boot,
                     fmt::format("the application {} crashes when it is loaded: {}", name,
                                 ::strsignal(WTERMSIG(status))));
  } else if (WEXITSTATUS(status) != 0) {
    findings.code = WEXITSTATUS(status);  // the child has said why
  } else {
    findings.note("application", name + " loads");
  }
}

void report_listeners(const Settings& settings, Findings& findings) {
  std::string names;
  for (const settings::ListenerSettings& listener : settings.listeners) {
    names += names.empty() ? "" : ", ";
    names += (listener.is_tls ? "https://" : "") + listener.bind;
  }
  findings.note("listeners", escaped(names) + " (not bound)");
}

void check_certificates(const Settings& settings, Findings& findings) {
  for (const settings::ListenerSettings& listener : settings.listeners) {
    if (!listener.is_tls) {
      continue;
    }
    try {
      const auto material = net::tls::read_material(listener.tls);
      for (const net::tls::Identity& identity : material->identities) {
        findings.note("certificate",
                      fmt::format("{}: {} {}", escaped(identity.certificate_file),
                                  net::tls::has_expired(identity) ? "EXPIRED on" : "until",
                                  net::tls::date_text(identity.facts.not_after)));
        const std::string complaint = net::tls::stapling_complaint(identity);
        if (!identity.ocsp_file.empty()) {
          findings.note("OCSP response",
                        fmt::format("{}: {}", escaped(identity.ocsp_file),
                                    complaint.empty() ? "is stapled" : "NOT SENT: " + complaint));
        }
      }
    } catch (const net::tls::TlsError& error) {
      findings.problem(k_exit_cannot_start, error.what());
    }
  }
}

void check_log(const std::string& file, Findings& findings) {
  if (file.empty() || file == "-") {
    return;
  }
  const bool is_there = ::access(file.c_str(), F_OK) == 0;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  const bool usable = is_there ? ::access(file.c_str(), W_OK) == 0
                               : ::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0;
  if (!usable) {
    findings.problem(k_exit_cannot_start, fmt::format("cannot open the log {}: {}", escaped(file),
                                                      std::generic_category().message(errno)));
  }
}

void check_syslog(const Settings& settings, Findings& findings) {
  if (!settings.log_syslog) {
    return;
  }
  try {
    observe::SyslogSocket daemon(settings.log_syslog_to);
    if (const std::error_code error = daemon.reopen()) {
      throw std::system_error(error, "cannot open the log " + escaped(settings.log_syslog_to));
    }
  } catch (const std::system_error& error) {
    findings.problem(k_exit_cannot_start, error.what());
  }
}

void check_reactor(const Settings& settings, Findings& findings) {
  const std::optional<std::string> obstacle = reactor::io_uring_obstacle();
  findings.note("io_uring", obstacle ? *obstacle : "can be used");
  if (obstacle && settings.reactor == ReactorChoice::io_uring) {
    findings.problem(
        k_exit_cannot_start,
        fmt::format("--reactor io_uring cannot be had: {}; or choose --reactor epoll", *obstacle));
  }
  const bool uses_epoll = obstacle || settings.reactor == ReactorChoice::epoll;
  findings.note("reactor", uses_epoll ? "epoll" : "io_uring");
}

void report_limits(const Settings& settings, Findings& findings) {
  const std::int64_t quota = settings::cgroup_quota_cpus("/");
  const std::int64_t memory = settings::cgroup_memory_limit("/");
  findings.note("processors", fmt::format("{} by affinity, {} by cgroup", settings::affinity_cpus(),
                                          quota == 0 ? "no limit" : fmt::to_string(quota)));
  findings.note("memory",
                memory == 0 ? "no limit by cgroup" : settings::show_size(memory) + " by cgroup");
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  findings.note("open files",
                fmt::format("{} a process (hard limit {}): {} connections a worker", files.rlim_cur,
                            files.rlim_max, worker::connection_limit(settings)));
}

void report_build(Findings& findings) {
  utsname kernel{};
  ::uname(&kernel);
  findings.note("kernel", fmt::format("{} {}", kernel.sysname, kernel.release));
  findings.note("TLS", fmt::format("wolfSSL {}, {}", net::tls_library_version(),
                                   net::tls_library_is_bundled()
                                       ? "bundled"
                                       : "of the system: slow, because it has no assembly"));
}

}  // namespace

int examine(const settings::Resolution& resolution) {
  const Settings& settings = resolution.settings;
  Findings findings;
  findings.note("uringcorn", URINGCORN_VERSION);
  findings.note("settings", resolution.config_file.empty() ? "no configuration file"
                                                           : escaped(resolution.config_file));
  try {
    arbiter::enter_directory(settings.chdir);
    check_application(settings, findings);
  } catch (const std::runtime_error& error) {
    findings.problem(k_exit_cannot_start, error.what());
  }
  report_listeners(settings, findings);
  findings.note("workers", fmt::to_string(settings.workers));
  check_certificates(settings, findings);
  check_reactor(settings, findings);
  report_build(findings);
  report_limits(settings, findings);
  check_log(settings.access_logfile, findings);
  check_log(settings.error_logfile, findings);
  check_syslog(settings, findings);
  const int printed = print(findings.report + (findings.code == 0 ? "OK\n" : ""));
  fmt::print(stderr, "{}", findings.problems);
  return findings.code != 0 ? findings.code : printed;
}

}  // namespace uringcorn::cli
