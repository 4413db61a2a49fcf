// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arbiter/clock.hpp"
#include "observe/scoreboard.hpp"
#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// What the service manager (systemd) is told over NOTIFY_SOCKET, as sd_notify(3) and
/// sd_watchdog_enabled(3) describe it. Without the variable, nothing of this does anything. A
/// manager that does not read is not waited for.
class ServiceManager {
 public:
  /// Reads the environment.
  ServiceManager();

  struct Facts {
    bool ready = false;      ///< a worker serves, or has served
    bool reloading = false;  ///< a new generation is being tried
    bool stopping = false;
    std::string status;  ///< one line for `systemctl status`
  };

  /// A reload has begun, even if it is over before show() is called next.
  void reloading();
  /// Tells what has changed. Call it in each turn; `facts.status` is taken at most once in
  /// k_status_interval, unless something else has changed.
  void show(const Facts& facts, TimePoint now);
  /// Whether show() needs to be called, and is not only ready to.
  bool listens() const noexcept { return !address_.empty(); }
  /// When show() has something to do next.
  TimePoint due() const noexcept;

  /// This process is the service's main one no longer, that one is. Nothing is told afterwards.
  void hand_over(pid_t successor);
  /// This process has become the service's main one: all is told anew.
  void take_over();

  static constexpr Duration k_status_interval = std::chrono::seconds(5);

 private:
  void send(std::string_view text) const;

  std::string address_;  ///< empty: nobody listens
  Duration watchdog_interval_ = Duration::zero();
  TimePoint next_watchdog_ = TimePoint::min();
  TimePoint next_status_ = TimePoint::min();
  bool told_ready_ = false;
  bool told_reloading_ = false;
  bool told_stopping_ = false;
};

/// The sockets that the service manager has opened (LISTEN_FDS): what the listeners of the
/// settings become. Those at `fd://NAME` become the sockets of that name (LISTEN_FDNAMES). If none
/// is at a descriptor, by name or number, all sockets together replace them, with TLS if there is a
/// certificate. Throws std::runtime_error with a sentence when there is no such socket.
std::vector<settings::ListenerSettings> activated_listeners(const settings::Settings& settings);

/// LISTEN_PID and WATCHDOG_PID say whom they are for: where they name `from`, they name `to` from
/// now on.
void move_service_variables(pid_t from, pid_t to);

/// Lets the sockets of LISTEN_FDS, which `owner` was given, pass to a program that is about to be
/// executed in this process.
void keep_activated_descriptors(pid_t owner) noexcept;

/// For its STATUS: what the workers do now.
std::string status_line(const observe::Scoreboard& scoreboard, bool stopping);

}  // namespace uringcorn::arbiter
