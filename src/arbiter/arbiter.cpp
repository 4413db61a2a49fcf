// SPDX-License-Identifier: MIT
#include "arbiter/arbiter.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "app/loader.hpp"
#include "arbiter/clock.hpp"
#include "arbiter/crew.hpp"
#include "arbiter/file_watch.hpp"
#include "arbiter/signals.hpp"
#include "arbiter/sockets.hpp"
#include "net/tls/material.hpp"
#include "net/tls/ticket_keys.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"
#include "worker/class_choice.hpp"

namespace uringcorn::arbiter {
namespace {

/// With all their successors they have places on the scoreboard.
constexpr unsigned k_workers_max = observe::k_scoreboard_slots / 2;
/// Far more than any deadline, and few enough milliseconds for poll().
constexpr Duration k_longest_wait = std::chrono::hours(1);
/// A wake-up that comes so much too late means that this process was not running: it was stopped,
/// its container was frozen. The workers may have been, too.
constexpr Duration k_late = std::chrono::seconds(1);

reactor::BackendKind choose_backend(settings::ReactorChoice choice) {
  if (choice == settings::ReactorChoice::epoll) {
    return reactor::BackendKind::epoll;
  }
  const std::optional<std::string> obstacle = reactor::io_uring_obstacle();
  if (!obstacle) {
    return reactor::BackendKind::io_uring;
  }
  if (choice == settings::ReactorChoice::io_uring) {
    throw std::runtime_error(
        fmt::format("--reactor io_uring cannot be had: {}; or choose --reactor epoll", *obstacle));
  }
  observe::warning("{}; serving with epoll instead", *obstacle);
  return reactor::BackendKind::epoll;
}

void open_error_log(const settings::Settings& settings) {
  observe::open_error_log(settings.error_logfile, settings.log_level, settings.capture_output);
}

class Arbiter {
 public:
  Arbiter(const settings::Settings& settings, const Program& program)
      : program_(program), workers_(static_cast<unsigned>(settings.workers)) {}

  int run(const settings::Settings& settings);

 private:
  void start(const settings::Settings& settings);
  std::shared_ptr<const Plan> make_plan(const settings::Settings& settings, unsigned generation,
                                        reactor::BackendKind backend, const Sockets::Wait& wait);
  using MaterialPointer = std::shared_ptr<const net::tls::Material>;
  std::vector<MaterialPointer> read_certificates(const settings::Settings& settings);
  void rotate_ticket_keys();
  bool wait_to_bind(Duration pause);
  bool done() const;
  void wait();
  void take_signals();
  void on_signal(int signal);

  enum class Stop : std::uint8_t { no, graceful, quick };

  void stop(Stop how);
  void reload();
  void watch_files(const settings::Settings& settings);
  void reload_if_files_changed();
  void adopt_proven_plan();
  void resize(unsigned workers);
  void retire();
  void reopen_logs();

  const Program& program_;
  Signals signals_;
  Sockets sockets_;
  std::optional<Crew> crew_;
  std::optional<FileWatch> files_;                   ///< with --reload
  std::optional<net::tls::TicketKeys> ticket_keys_;  ///< since the first plan with TLS
  std::shared_ptr<const Plan> plan_;  ///< what serves; a newer one may be on trial in the crew
  unsigned generation_ = 1;
  unsigned workers_;
  bool retired_ = false;
  Stop stop_ = Stop::no;
  std::vector<int> early_signals_;
  TimePoint now_;  ///< when this turn of the loop began
  TimePoint grace_from_ = TimePoint::min();
  std::vector<pollfd> poll_set_;
};

// ---- the life of the arbiter ----

int Arbiter::run(const settings::Settings& settings) {
  observe::info("Starting uringcorn {}", URINGCORN_VERSION);
  start(settings);
  while (!done()) {
    wait();
    take_signals();
    reload_if_files_changed();
    rotate_ticket_keys();
    crew_->tend(now_, grace_from_);
    adopt_proven_plan();
  }
  if (const std::optional<int> code = crew_->gave_up(); code && stop_ == Stop::no) {
    observe::critical("No worker could be booted; leaving with code {}", *code);
    return *code;
  }
  observe::info("Shutting down");
  return worker::k_exit_ok;
}

void Arbiter::start(const settings::Settings& settings) {
  const reactor::BackendKind backend = choose_backend(settings.reactor);
  plan_ = make_plan(settings, generation_, backend,
                    [this](Duration pause) { return wait_to_bind(pause); });
  observe::info("Using reactor: {}, workers: {}",
                backend == reactor::BackendKind::io_uring ? "io_uring" : "epoll", workers_);
  watch_files(settings);
  crew_.emplace(plan_,
                Crew::Hooks{.entry = program_.worker, .close_in_child = [this](const Plan& plan) {
                              signals_.close();
                              files_.reset();
                              sockets_.close_in_child(plan);
                            }});
  now_ = Clock::now();
  crew_->resize(workers_, now_);
  crew_->tend(now_, grace_from_);
}

std::shared_ptr<const Plan> Arbiter::make_plan(const settings::Settings& settings,
                                               unsigned generation, reactor::BackendKind backend,
                                               const Sockets::Wait& wait) {
  const std::vector<MaterialPointer> tls = read_certificates(settings);
  auto plan = std::make_shared<Plan>(Plan{.generation = generation,
                                          .settings = settings,
                                          .backend = backend,
                                          .sockets = sockets_.listen(settings, backend, wait)});
  for (std::size_t i = 0; i < plan->sockets.size(); ++i) {
    const net::Listener& socket = *plan->sockets[i];
    const std::string& name = tls[i] ? socket.name_with_tls() : socket.name();
    plan->listeners.push_back({socket.fd(), name, tls[i]});
  }
  plan->ticket_keys = ticket_keys_ ? &*ticket_keys_ : nullptr;
  return plan;
}

/// One for each listener; null for those in the clear. At a reload, a certificate that has expired
/// does not take the place of another.
std::vector<Arbiter::MaterialPointer> Arbiter::read_certificates(
    const settings::Settings& settings) {
  std::vector<MaterialPointer> all;
  for (const settings::ListenerSettings& listener : settings.listeners) {
    if (!listener.is_tls) {
      all.push_back(nullptr);
      continue;
    }
    all.push_back(net::tls::read_material(listener.tls));
    if (plan_) {
      net::tls::refuse_expired(*all.back(), [this](const std::string& certificate) {
        return std::any_of(plan_->listeners.begin(), plan_->listeners.end(),
                           [&](const worker::WorkerListener& serving) {
                             return serving.tls && net::tls::has(*serving.tls, certificate);
                           });
      });
    }
    net::tls::warn_of_expiry(*all.back());
    if (!ticket_keys_ && settings.tls_ticket_lifetime.count() > 0) {
      ticket_keys_.emplace(std::chrono::ceil<std::chrono::seconds>(settings.tls_ticket_lifetime));
    }
  }
  return all;
}

void Arbiter::rotate_ticket_keys() {
  if (ticket_keys_) {
    ticket_keys_->rotate_if_due(now_);
  }
}

/// Between two tries for an address in use. False: somebody wants us to stop.
bool Arbiter::wait_to_bind(Duration pause) {
  const TimePoint end = Clock::now() + pause;
  for (TimePoint now = Clock::now(); now < end; now = Clock::now()) {
    pollfd signals{signals_.fd(), POLLIN, 0};
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    ::poll(&signals, 1, static_cast<int>(rest.count()));
    for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
      if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT) {
        return false;
      }
      early_signals_.push_back(signal);
    }
  }
  return true;
}

bool Arbiter::done() const {
  return (stop_ != Stop::no && crew_->empty()) || crew_->gave_up().has_value();
}

/// Ends with the time of this turn in now_. What the turn decides, it decides by that time: so a
/// stop of this process at any point either shows here as lateness, or makes nothing look overdue.
void Arbiter::wait() {
  const TimePoint before = Clock::now();
  const TimePoint due =
      std::min({crew_->due(grace_from_), files_ ? files_->due() : TimePoint::max(),
                ticket_keys_ ? ticket_keys_->due() : TimePoint::max()});
  const TimePoint wake_up = std::clamp(due, before, before + k_longest_wait);
  poll_set_.assign(1, {signals_.fd(), POLLIN, 0});
  if (files_) {
    poll_set_.push_back({files_->fd(), POLLIN, 0});
  }
  crew_->add_to(poll_set_);
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(wake_up - before);
  ::poll(poll_set_.data(), poll_set_.size(), static_cast<int>(timeout.count()));
  const TimePoint turn_before = std::exchange(now_, Clock::now());
  if (before > turn_before + k_late || now_ > wake_up + k_late) {
    grace_from_ = now_;
  }
}

// ---- signals ----

void Arbiter::take_signals() {
  for (const int signal : std::exchange(early_signals_, {})) {
    on_signal(signal);
  }
  for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
    on_signal(signal);
  }
}

void Arbiter::on_signal(int signal) {
  if (signal == SIGCHLD) {
    return;  // It is here to wake us up: tend() reaps.
  }
  observe::info("Handling signal: {}", ::sigabbrev_np(signal));
  if (signal == SIGUSR1) {
    reopen_logs();
  } else if (signal == SIGTERM) {
    stop(Stop::graceful);
  } else if (signal == SIGINT || signal == SIGQUIT) {
    stop(Stop::quick);
  } else if (stop_ != Stop::no) {
    observe::info("Ignoring it: the server is stopping");
  } else if (signal == SIGHUP) {
    reload();
  } else if (signal == SIGTTIN) {
    resize(retired_ ? workers_ : workers_ + 1);
  } else if (signal == SIGTTOU) {
    resize(workers_ - 1);
  } else if (signal == SIGWINCH) {
    retire();
  }
}

/// A second request to stop quickly does not wait for anything any more.
void Arbiter::stop(Stop how) {
  crew_->resize(0, now_);
  if (how == Stop::quick && stop_ == Stop::quick) {
    crew_->kill();
  } else if (how == Stop::quick) {
    crew_->hurry(now_);
  }
  stop_ = std::max(stop_, how);
}

void Arbiter::reload() {
  reopen_logs();
  try {
    const settings::Settings settings = program_.reread_settings();
    if (settings.reactor != plan_->settings.reactor) {
      observe::warning("--reactor changes at a restart only");
    }
    if (ticket_keys_ && settings.tls_ticket_lifetime != plan_->settings.tls_ticket_lifetime) {
      observe::warning("--tls-ticket-lifetime changes at a restart only");
    }
    crew_->renew(make_plan(settings, ++generation_, plan_->backend, nullptr));
  } catch (const std::exception& error) {
    observe::error("Reload refused: {}; generation {} goes on", error.what(), plan_->generation);
    return;
  }
  if (retired_) {
    resize(workers_);
  }
}

// ---- --reload ----

void Arbiter::watch_files(const settings::Settings& settings) {
  files_.reset();
  if (!settings.reload) {
    return;
  }
  std::vector<std::string> patterns = settings.reload_extra_file;
  if (!settings.app_path.empty()) {
    patterns.push_back(app::file_of(settings.app_path));
  }
  files_.emplace(std::move(patterns));
  observe::info("Watching {} files (--reload)", files_->files());
}

void Arbiter::reload_if_files_changed() {
  const std::string file = files_ && stop_ == Stop::no ? files_->changed(now_) : std::string();
  if (!file.empty()) {
    observe::info("{} has changed: reloading", file);
    reload();
  }
}

/// The crew has a new plan for good once a worker of it is ready. Only then the rest of its
/// settings takes effect.
void Arbiter::adopt_proven_plan() {
  const std::shared_ptr<const Plan> old = std::exchange(plan_, crew_->plan());
  if (old == plan_) {
    return;
  }
  const settings::Settings& settings = plan_->settings;
  if (settings.workers != old->settings.workers) {
    resize(static_cast<unsigned>(settings.workers));
  }
  if (settings.reload != old->settings.reload || settings.app_path != old->settings.app_path ||
      settings.reload_extra_file != old->settings.reload_extra_file) {
    watch_files(settings);
  }
  if (settings.error_logfile != old->settings.error_logfile ||
      settings.log_level != old->settings.log_level ||
      settings.capture_output != old->settings.capture_output) {
    try {
      open_error_log(settings);
    } catch (const std::exception& error) {
      observe::error("the log stays where it is: {}", error.what());
    }
  }
}

void Arbiter::resize(unsigned workers) {
  workers_ = std::clamp(workers, 1U, k_workers_max);
  retired_ = false;
  crew_->resize(workers_, now_);
}

void Arbiter::retire() {
  retired_ = true;
  crew_->resize(0, now_);
}

void Arbiter::reopen_logs() {
  if (const std::error_code error = observe::error_log().reopen()) {
    observe::error("the log could not be opened again, and stays as it is: {}", error.message());
  }
  crew_->signal(SIGUSR1);
}

int refuse(const char* sentence, int code) {
  fmt::print(stderr, "uringcorn: {}\n", sentence);
  return code;
}

}  // namespace

int run(const settings::Settings& settings, const Program& program) {
  try {
    open_error_log(settings);
    if (const std::string warning = worker::class_warning(settings.worker_class);
        !warning.empty()) {
      observe::warning("{}", warning);
    }
    return Arbiter(settings, program).run(settings);
  } catch (const net::AddressError& error) {
    return refuse(error.what(), 2);
  } catch (const std::exception& error) {
    return refuse(error.what(), 1);
  }
}

}  // namespace uringcorn::arbiter
