// SPDX-License-Identifier: MIT
#include "worker/logs.hpp"

#include <optional>
#include <string>

namespace uringcorn::worker {

namespace {

std::optional<observe::SyslogOptions> syslog_options(const settings::Settings& settings,
                                                     const char* kind) {
  if (!settings.log_syslog) {
    return std::nullopt;
  }
  return observe::SyslogOptions{.address = settings.log_syslog_to,
                                .tag = settings.log_syslog_prefix + kind,
                                .facility = settings.log_syslog_facility};
}

}  // namespace

observe::ErrorLogOptions error_log_options(const settings::Settings& settings) {
  return {.file = settings.error_logfile,
          .level = settings.log_level,
          .format = settings.error_log_format,
          .captures_output = settings.capture_output,
          .syslog = syslog_options(settings, ".error")};
}

std::unique_ptr<observe::AccessLog> open_access_log(const settings::Settings& settings) {
  const bool to_syslog = settings.log_syslog && !settings.disable_redirect_access_to_syslog;
  if (settings.access_logfile.empty() && !to_syslog) {
    return nullptr;
  }
  return std::make_unique<observe::AccessLog>(observe::AccessLogOptions{
      .file = settings.access_logfile,
      .format = settings.access_log_format,
      .syslog = to_syslog ? syslog_options(settings, ".access") : std::nullopt});
}

}  // namespace uringcorn::worker
