// SPDX-License-Identifier: MIT
#include "arbiter/arbiter.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "app/loader.hpp"
#include "arbiter/backend_choice.hpp"
#include "arbiter/background.hpp"
#include "arbiter/clock.hpp"
#include "arbiter/crew.hpp"
#include "arbiter/file_watch.hpp"
#include "arbiter/fixed_settings.hpp"
#include "arbiter/handover.hpp"
#include "arbiter/pid_file.hpp"
#include "arbiter/predecessor.hpp"
#include "arbiter/process_title.hpp"
#include "arbiter/service_manager.hpp"
#include "arbiter/signals.hpp"
#include "arbiter/sockets.hpp"
#include "arbiter/successor.hpp"
#include "arbiter/tls_secrets.hpp"
#include "observe/log.hpp"
#include "worker/class_choice.hpp"
#include "worker/logs.hpp"

namespace uringcorn::arbiter {
namespace {

/// Behind the name of the pid file while the predecessor has that.
constexpr const char* k_beside_predecessor = ".2";
/// With all their successors they have places on the scoreboard.
constexpr unsigned k_workers_max = observe::k_scoreboard_slots / 2;
/// Far more than any deadline, and few enough milliseconds for poll().
constexpr Duration k_longest_wait = std::chrono::hours(1);
/// A wake-up that comes so much too late means that this process was not running: it was stopped,
/// its container was frozen. The workers may have been, too.
constexpr Duration k_late = std::chrono::seconds(1);

void open_error_log(const settings::Settings& settings) {
  observe::open_error_log(worker::error_log_options(settings));
}

/// The user of the workers opens them again, after a rotation.
void give_logs(const Plan& plan) noexcept {
  plan.identity.own_log(plan.settings.error_logfile);
  plan.identity.own_log(plan.settings.access_logfile);
}

int umask_of(const settings::Settings& settings, const Start& start) noexcept {
  return settings.umask >= 0 ? settings.umask : static_cast<int>(start.umask);
}

class Arbiter {
 public:
  Arbiter(const settings::Settings& settings, const Program& program, Background& background,
          std::optional<Handover> handover)
      : program_(program),
        background_(background),
        handover_(std::move(handover)),
        successor_(program.start),
        workers_(static_cast<unsigned>(settings.workers)) {}

  int run(const settings::Settings& settings);

 private:
  void start(const settings::Settings& settings);
  reactor::BackendKind take_over_from_predecessor(const settings::Settings& settings);
  void close_in_child(const Plan& plan, unsigned number) noexcept;
  std::shared_ptr<const Plan> make_plan(const settings::Settings& settings, unsigned generation,
                                        reactor::BackendKind backend, const Sockets::Wait& wait);
  void rotate_ticket_keys();
  bool wait_to_bind(Duration pause);
  bool done() const;
  void wait();
  void take_signals();
  void on_signal(int signal);

  enum class Stop : std::uint8_t { no, graceful, quick };

  void stop(Stop how);
  void take_steps_to_stop();
  bool is_alone() const noexcept;
  void reload();
  void watch_files(const settings::Settings& settings);
  void reload_if_files_changed();
  void adopt_proven_plan();
  void resize(unsigned workers);
  void dismiss_one();
  void retire();
  void reopen_logs();
  void upgrade();
  void on_first_ready();
  void become_the_only_one();
  void tell_service_manager();

  const Program& program_;
  Background& background_;
  std::optional<Handover> handover_;
  Signals signals_;
  ServiceManager service_manager_;
  Predecessor predecessor_;
  Successor successor_;
  PidFile pid_file_;
  Sockets sockets_;
  TlsSecrets tls_secrets_;
  std::optional<Crew> crew_;
  std::optional<FileWatch> files_;    ///< with --reload
  std::shared_ptr<const Plan> plan_;  ///< what serves; a newer one may be on trial in the crew
  unsigned generation_ = 1;
  unsigned workers_;
  bool retired_ = false;
  bool told_ready_ = false;
  Stop stop_ = Stop::no;
  // The steps of a graceful stop that are still to come.
  TimePoint refuse_at_ = TimePoint::max();
  TimePoint drain_at_ = TimePoint::max();
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
    take_steps_to_stop();
    crew_->tend(now_, grace_from_);
    adopt_proven_plan();
    sockets_.steer(crew_->numbers());
    if (crew_->ever_ready() && !std::exchange(told_ready_, true)) {
      on_first_ready();
    }
    if (predecessor_.fd() >= 0 && !predecessor_.lives()) {
      become_the_only_one();
    }
    tell_service_manager();
  }
  if (const std::optional<int> code = crew_->gave_up(); code && stop_ == Stop::no) {
    observe::critical("No worker could be booted; leaving with code {}", *code);
    if (settings.error_logfile != "-") {
      fmt::print(stderr, "uringcorn: no worker could be booted ({} says why)\n",
                 settings.error_logfile);
    }
    return *code;
  }
  observe::info("Shutting down");
  return worker::k_exit_ok;
}

void Arbiter::start(const settings::Settings& settings) {
  const reactor::BackendKind backend =
      handover_ ? take_over_from_predecessor(settings) : choose_backend(settings.reactor);
  if (!settings.pid.empty()) {
    pid_file_ = PidFile(predecessor_.lives() ? settings.pid + k_beside_predecessor : settings.pid);
  }
  set_process_title(title_of("arbiter", settings));
  plan_ = make_plan(settings, generation_, backend,
                    [this](Duration pause) { return wait_to_bind(pause); });
  handover_.reset();
  observe::info("Using reactor: {}, workers: {}",
                backend == reactor::BackendKind::io_uring ? "io_uring" : "epoll", workers_);
  watch_files(settings);
  crew_.emplace(plan_, Crew::Hooks{
                           .entry = program_.worker,
                           .preload = program_.preload,
                           .close_in_child =
                               [this](const Plan* plan, unsigned number) {
                                 close_in_child(plan != nullptr ? *plan : Plan{}, number);
                               },
                           .is_alone = [this] { return is_alone(); },
                           .other_died =
                               [this](pid_t pid, int status) {
                                 successor_.died(pid, status, stop_ != Stop::no);
                               },
                       });
  now_ = Clock::now();
  crew_->resize(workers_, now_);
  crew_->tend(now_, grace_from_);
}

/// The reactor is the predecessor's: the sockets, which both have, are set up for it.
reactor::BackendKind Arbiter::take_over_from_predecessor(const settings::Settings& settings) {
  const reactor::BackendKind backend = handover_->backend;
  const bool is_epoll = backend == reactor::BackendKind::epoll;
  if ((settings.reactor == settings::ReactorChoice::epoll && !is_epoll) ||
      (settings.reactor == settings::ReactorChoice::io_uring && is_epoll)) {
    warn_of_restart("--reactor");
  }
  predecessor_ = Predecessor(handover_->predecessor);
  sockets_.take(std::move(handover_->sockets));
  tls_secrets_.take(std::move(handover_->ticket_keys));
  return backend;
}

void Arbiter::close_in_child(const Plan& plan, unsigned number) noexcept {
  signals_.close();
  sockets_.close_in_child(plan, number);
  pid_file_.close_in_child();
  background_.close_in_child();
  predecessor_.forget();
  files_.reset();
  tls_secrets_.close_in_child();
}

std::shared_ptr<const Plan> Arbiter::make_plan(const settings::Settings& settings,
                                               unsigned generation, reactor::BackendKind backend,
                                               const Sockets::Wait& wait) {
  auto plan = std::make_shared<Plan>(
      Plan{.generation = generation, .settings = settings, .backend = backend});
  plan->settings.umask = umask_of(settings, program_.start);
  plan->identity = Identity::of(settings);
  plan->settings.listeners = activated_listeners(settings);
  plan->tls = tls_secrets_.read(plan->settings, plan_ ? &plan_->tls : nullptr);
  plan->ticket_keys = tls_secrets_.ticket_keys();
  plan->sockets = sockets_.listen(plan->settings, plan->identity, backend, wait);
  give_logs(*plan);
  return plan;
}

/// While the predecessor lives, it rotates those that both use.
void Arbiter::rotate_ticket_keys() {
  if (!predecessor_.lives()) {
    tls_secrets_.rotate_if_due(now_);
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
  const bool may_leave = stop_ != Stop::no && std::min(refuse_at_, drain_at_) == TimePoint::max();
  return (may_leave && crew_->empty()) || crew_->gave_up().has_value();
}

/// Ends with the time of this turn in now_. What the turn decides, it decides by that time: so a
/// stop of this process at any point either shows here as lateness, or makes nothing look overdue.
void Arbiter::wait() {
  const TimePoint before = Clock::now();
  const TimePoint due = std::min({crew_->due(grace_from_), service_manager_.due(), refuse_at_,
                                  drain_at_, files_ ? files_->due() : TimePoint::max(),
                                  predecessor_.lives() ? TimePoint::max() : tls_secrets_.due()});
  const TimePoint wake_up = std::clamp(due, before, before + k_longest_wait);
  // poll() passes over descriptors that are negative.
  poll_set_.assign({{signals_.fd(), POLLIN, 0},
                    {predecessor_.fd(), POLLIN, 0},
                    {files_ ? files_->fd() : -1, POLLIN, 0}});
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
    dismiss_one();
  } else if (signal == SIGWINCH) {
    retire();
  } else if (signal == SIGUSR2) {
    upgrade();
  }
}

/// No other arbiter serves the same sockets.
bool Arbiter::is_alone() const noexcept {
  return !predecessor_.lives() && !successor_.lives();
}

/// A graceful stop takes its steps in time; where another arbiter goes on, it only drains. A quick
/// one skips them, and a second request for it does not wait for anything any more.
void Arbiter::stop(Stop how) {
  if (stop_ == Stop::no && successor_.lives()) {
    service_manager_.hand_over(successor_.pid());
  }
  if (is_alone()) {
    crew_->announce_shutdown();
  }
  if (how == Stop::graceful && stop_ == Stop::no) {
    refuse_at_ = now_ + (is_alone() ? plan_->settings.shutdown_delay : Duration::zero());
  } else if (how == Stop::quick) {
    refuse_at_ = TimePoint::max();
    drain_at_ = TimePoint::max();
    crew_->resize(0, now_);
    if (stop_ == Stop::quick) {
      crew_->kill();
    } else {
      crew_->hurry(now_);
    }
  }
  stop_ = std::max(stop_, how);
}

/// First nobody can connect any more, while the workers accept who has come before; when nobody is
/// on the way, they drain. So no connection is left in the queue of a socket that is closed.
void Arbiter::take_steps_to_stop() {
  if (now_ >= refuse_at_) {
    refuse_at_ = TimePoint::max();
    const bool may_be_under_way = is_alone() && sockets_.refuse_connections();
    drain_at_ = may_be_under_way ? now_ + k_handshakes_end_within : now_;
  }
  if (now_ >= drain_at_) {
    drain_at_ = TimePoint::max();
    crew_->resize(0, now_);
    sockets_.close_given_up();
  }
}

void Arbiter::reload() {
  if (!predecessor_.lives()) {
    service_manager_.reloading();
  }
  reopen_logs();
  try {
    settings::Settings settings = program_.reread_settings();
    keep_what_cannot_change(settings, plan_->settings);
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
  set_process_title(title_of("arbiter", settings));
  ::umask(static_cast<mode_t>(settings.umask));
  if (settings.workers != old->settings.workers) {
    resize(static_cast<unsigned>(settings.workers));
  }
  if (settings.backlog != old->settings.backlog) {
    sockets_.set_backlog(settings.backlog);
  }
  if (settings.reload != old->settings.reload || settings.app_path != old->settings.app_path ||
      settings.reload_extra_file != old->settings.reload_extra_file) {
    watch_files(settings);
  }
  if (worker::error_log_options(settings) != worker::error_log_options(old->settings)) {
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

void Arbiter::dismiss_one() {
  if (retired_) {
    observe::info("Ignoring it: all workers are retired (HUP or TTIN brings them back)");
  } else {
    resize(workers_ - 1);
  }
}

void Arbiter::retire() {
  retired_ = true;
  crew_->resize(0, now_);
}

void Arbiter::reopen_logs() {
  if (const std::error_code error = observe::error_log().reopen()) {
    observe::error("the log could not be opened again, and stays as it is: {}", error.message());
  }
  // Before the workers do the same, as somebody else.
  give_logs(*plan_);
  crew_->reopen_logs();
}

// ---- upgrade ----

void Arbiter::upgrade() {
  if (program_.start.arguments.empty()) {
    observe::error("Upgrade refused: it is not known how this server was started");
  } else if (successor_.lives()) {
    observe::error(
        "Upgrade refused: the new arbiter (pid {}) of the last one is alive; end that, "
        "or this one, first",
        successor_.pid());
  } else if (predecessor_.lives()) {
    observe::error("Upgrade refused: the old arbiter (pid {}) is alive; end that first",
                   predecessor_.pid());
  } else {
    successor_.begin({.backend = plan_->backend,
                      .sockets = sockets_.all(),
                      .ticket_keys = tls_secrets_.ticket_keys_fd()});
  }
}

void Arbiter::on_first_ready() {
  background_.tell_started();
  if (plan_->settings.daemon) {
    observe::error_log().reopen();
  }
  if (predecessor_.lives()) {
    observe::info(
        "Upgrade: serving beside the old arbiter (pid {}); end that one to complete it, "
        "or this one to go back",
        predecessor_.pid());
  }
}

void Arbiter::become_the_only_one() {
  observe::info("The old arbiter (pid {}) is gone; this one is in its place", predecessor_.pid());
  predecessor_.forget();
  service_manager_.take_over();
  if (pid_file_.path().empty()) {
    return;
  }
  try {
    pid_file_.rename(plan_->settings.pid);
  } catch (const std::exception& error) {
    observe::error("{}; it stays {}", error.what(), pid_file_.path());
  }
}

/// While the predecessor lives, it speaks for the service.
void Arbiter::tell_service_manager() {
  if (!service_manager_.listens() || predecessor_.lives()) {
    return;
  }
  service_manager_.show({.ready = crew_->ever_ready(),
                         .reloading = crew_->renewing(),
                         .stopping = stop_ != Stop::no,
                         .status = status_line(crew_->scoreboard(), stop_ != Stop::no)},
                        now_);
}

int refuse(const char* sentence, int code) {
  fmt::print(stderr, "uringcorn: {}\n", sentence);
  return code;
}

}  // namespace

int run(const settings::Settings& settings, const Program& program) {
  Background background;
  int code = 1;
  try {
    enter_directory(settings.chdir);
    std::optional<Handover> handover = take_handover();
    if (settings.daemon && !handover) {
      if (const std::optional<int> answer = background.enter()) {
        return *answer;
      }
    }
    ::umask(static_cast<mode_t>(umask_of(settings, program.start)));
    open_error_log(settings);
    if (const std::string warning = worker::class_warning(settings.worker_class);
        !warning.empty()) {
      observe::warning("{}", warning);
    }
    code = Arbiter(settings, program, background, std::move(handover)).run(settings);
  } catch (const net::AddressError& error) {
    code = refuse(error.what(), 2);
  } catch (const std::exception& error) {
    code = refuse(error.what(), 1);
  }
  background.tell_failed(code);  // Unless it knows that the start has succeeded.
  return code;
}

}  // namespace uringcorn::arbiter
