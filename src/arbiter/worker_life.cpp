// SPDX-License-Identifier: MIT
#include "arbiter/worker_life.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>

#include "arbiter/process_title.hpp"
#include "observe/log.hpp"
#include "worker/boot.hpp"

namespace uringcorn::arbiter {

namespace {

/// What the variables of the service manager say is for the arbiter; and children of the worker
/// would believe it.
void leave_service_manager_alone() {
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS",
                           "LISTEN_PID", "LISTEN_FDNAMES"}) {
    ::unsetenv(name);
  }
}

void set_variables(const std::vector<std::string>& variables) {
  for (const std::string& variable : variables) {
    const std::size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
}

}  // namespace

std::vector<worker::WorkerListener> listeners_of(const Plan& plan, std::span<const int> sockets) {
  std::vector<worker::WorkerListener> listeners;
  for (std::size_t i = 0; i < plan.sockets.size(); ++i) {
    const BoundAddress& address = *plan.sockets[i];
    listeners.push_back({.fd = sockets[i],
                         .name = address.name(plan.tls[i] != nullptr),
                         .tls = plan.tls[i],
                         .is_shared = !address.is_split()});
  }
  return listeners;
}

void prepare_for(const Plan& plan) {
  const settings::Settings& settings = plan.settings;
  if (settings.umask >= 0) {
    ::umask(static_cast<mode_t>(settings.umask));
  }
  leave_service_manager_alone();
  set_variables(settings.env);
  plan.identity.assume();
}

void live_as_worker(const WorkerSeed& seed, const WorkerEntry& entry) {
  const Plan& plan = seed.plan;
  set_process_title(title_of(fmt::format("worker {}", seed.number), plan.settings));
  ::setenv("URINGCORN_WORKER_SLOT", fmt::format("{}", seed.number).c_str(), 1);
  ::setenv("URINGCORN_WORKER_GENERATION", fmt::format("{}", plan.generation).c_str(), 1);
  const char born = static_cast<char>(worker::Message::born);
  static_cast<void>(::write(seed.message_fd, &born, 1));
  const worker::WorkerBoot boot{
      .settings = plan.settings,
      .listeners = seed.listeners,
      .scoreboard = seed.scoreboard,
      .own_place = seed.place,
      .slot = seed.number,
      .generation = plan.generation,
      .backend = plan.backend,
      .ticket_keys = plan.ticket_keys,
      .heartbeat_fd = seed.heartbeat_fd,
      .message_fd = seed.message_fd,
  };
  int code = worker::k_exit_failed_to_boot;
  try {
    code = entry(boot);
  } catch (const std::exception& error) {
    observe::critical("the worker ends with an exception: {}", error.what());
  }
  std::exit(code);
}

}  // namespace uringcorn::arbiter
