// SPDX-License-Identifier: MIT
#include "arbiter/fixed_settings.hpp"

#include "observe/log.hpp"

namespace uringcorn::arbiter {

void warn_of_restart(std::string_view flag) {
  observe::warning("{} changes at a restart only", flag);
}

void keep_what_cannot_change(settings::Settings& wanted, const settings::Settings& running) {
  const auto keep = [&](auto settings::Settings::* member, std::string_view flag) {
    if (wanted.*member != running.*member) {
      warn_of_restart(flag);
      wanted.*member = running.*member;
    }
  };
  keep(&settings::Settings::reactor, "--reactor");
  keep(&settings::Settings::reuse_port, "--reuse-port");
  keep(&settings::Settings::daemon, "--daemon");
  keep(&settings::Settings::pid, "--pid");
  keep(&settings::Settings::chdir, "--chdir");
  keep(&settings::Settings::worker_tmp_dir, "--worker-tmp-dir");
  keep(&settings::Settings::tls_ticket_lifetime, "--tls-ticket-lifetime");
}

}  // namespace uringcorn::arbiter
