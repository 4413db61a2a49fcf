// SPDX-License-Identifier: MIT
#include "cli/serve.hpp"

#include <string>
#include <utility>

#include "arbiter/arbiter.hpp"
#include "arbiter/identity.hpp"
#include "arbiter/process_title.hpp"
#include "arbiter/start.hpp"
#include "cli/check.hpp"
#include "cli/print.hpp"
#include "net/address.hpp"
#include "net/tls/cipher_list.hpp"
#include "observe/access_log_format.hpp"
#include "observe/syslog.hpp"
#include "settings/describe.hpp"
#include "settings/error.hpp"
#include "settings/listeners.hpp"
#include "settings/resolve.hpp"
#include "worker/class_choice.hpp"
#include "worker/run.hpp"

namespace uringcorn::cli {

namespace {

constexpr int k_first_argument = 2;

std::string address_complaint(const std::string& text) {
  try {
    net::parse_bind(settings::without_scheme(text));
    return {};
  } catch (const net::AddressError& error) {
    return error.what();
  }
}

settings::Sources sources_of(int argc, char** argv, const std::string& directory) {
  settings::Sources sources = settings::process_sources(argc, argv, k_first_argument);
  sources.checks = {{"bind", address_complaint},
                    {"chdir",
                     [directory](const std::string& text) {
                       return arbiter::directory_complaint(text, directory);
                     }},
                    {"env", arbiter::variable_complaint},
                    {"user", arbiter::user_complaint},
                    {"group", arbiter::group_complaint},
                    {"ciphers", net::tls::cipher_list_complaint},
                    {"access_log_format", observe::AccessLogFormat::complaint},
                    {"worker_class", worker::class_complaint},
                    {"log_syslog_to", observe::syslog_address_complaint},
                    {"log_syslog_prefix", observe::syslog_tag_complaint}};
  return sources;
}

/// The command, unless the command line asks for something else.
int serve_or(settings::Action command, int argc, char** argv) {
  arbiter::Start start = arbiter::Start::capture(argc, argv);
  const settings::Sources sources = sources_of(argc, argv, start.directory);
  settings::Resolution resolution;
  try {
    resolution = settings::resolve(sources);
  } catch (const settings::SettingsError& error) {
    return refuse(error.what());
  }
  const bool has_wish = resolution.action != settings::Action::serve;
  switch (has_wish ? resolution.action : command) {
    case settings::Action::help:
      return print(settings::help());
    case settings::Action::version:
      return print_version();
    case settings::Action::print_config:
      return print(settings::print_config(resolution));
    case settings::Action::check:
      return examine(resolution);
    case settings::Action::serve:
      break;
  }
  settings::Sources reload_sources = sources;
  reload_sources.directory = start.directory;  // Which is not the working one after --chdir.
  reload_sources.expects_config = !resolution.config_file.empty();
  const auto reread = [&reload_sources] { return settings::resolve(reload_sources).settings; };
  arbiter::claim_process_title(argc, argv);
  return arbiter::run(resolution.settings, {.worker = worker::run,
                                            .preload = worker::preload,
                                            .start = std::move(start),
                                            .reread_settings = reread});
}

}  // namespace

int serve(int argc, char** argv) {
  return serve_or(settings::Action::serve, argc, argv);
}

int check(int argc, char** argv) {
  return serve_or(settings::Action::check, argc, argv);
}

}  // namespace uringcorn::cli
