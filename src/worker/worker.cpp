// SPDX-License-Identifier: MIT
#include "worker/worker.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <system_error>

#include <uringcorn/application.hpp>
#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "app/background.hpp"
#include "app/pool.hpp"
#include "base/fatal.hpp"
#include "base/standard_streams.hpp"
#include "base/unique_fd.hpp"
#include "http/server_context.hpp"
#include "observe/access_log.hpp"
#include "observe/log.hpp"
#include "observe/scoreboard.hpp"
#include "reactor/event.hpp"
#include "reactor/reactor.hpp"
#include "worker/accept_gate.hpp"
#include "worker/acceptor.hpp"
#include "worker/class_choice.hpp"
#include "worker/connection.hpp"
#include "worker/connection_limit.hpp"
#include "worker/handler_place.hpp"
#include "worker/heartbeat.hpp"
#include "worker/logs.hpp"
#include "worker/own_memory.hpp"
#include "worker/signals.hpp"
#include "worker/tls_gate.hpp"

namespace uringcorn::worker {
namespace {

using namespace std::chrono_literals;

/// After the cancellation of what still runs, how long its end is waited for.
constexpr auto k_cancelled_tasks_end_within = 2s;
constexpr auto k_memory_watch_interval = 1s;

/// Each number below `end` is as likely as any other.
std::size_t random_below(std::size_t end) {
  std::random_device device;
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(device);
}

/// Ends the process when tasks go on in spite of their cancellation for too long.
class LastResort final : private detail::Timer {
 public:
  using Timer::arm;

 private:
  void on_timer() noexcept override {
    observe::warning("tasks of this worker ignore their cancellation; leaving without them");
    observe::error_log().stop_writing_behind();
    std::_Exit(k_exit_ok);
  }
};

class Worker {
 public:
  Worker(const WorkerBoot& boot, ClassKind kind, std::unique_ptr<Application> application)
      : boot_(boot),
        kind_(kind),
        settings_(settings_for(kind, boot.settings)),
        application_(std::move(application)),
        place_(kind, *application_, settings_, [this](bool taken) { turn_changed(taken); }),
        access_log_(open_access_log(boot.settings)),
        context_{place_.application(), settings_, access_log_.get(), &boot.own_place},
        gate_(boot.scoreboard, boot.own_place),
        cap_(connection_limit(boot.settings)) {}

  /// From the application's startup to its shutdown. Gives the exit code.
  Task<int> live();

 private:
  Task<bool> start_application();
  Task<void> serve();
  Task<void> accept_until_stop();
  Task<void> drain();
  Task<void> stop_application();
  Task<void> watch_signals();
  Task<void> ask_to_leave();
  Task<void> watch_arbiter();
  Task<void> hand_on_access_log();
  Task<void> watch_requests();
  Task<void> watch_memory();
  void reopen_logs();
  void tell(Message message) const noexcept;
  void stop(bool quickly) noexcept;
  TlsGate* open_tls(const WorkerListener& listener);
  void turn_changed(bool taken) noexcept;

  const WorkerBoot& boot_;
  const ClassKind kind_;
  const settings::Settings settings_;
  std::unique_ptr<Application> application_;
  HandlerPlace place_;
  Signals signals_;
  std::unique_ptr<observe::AccessLog> access_log_;
  http::ServerContext context_;
  AcceptGate gate_;
  ConnectionCap cap_;
  std::optional<TlsFloor> tls_floor_;
  std::deque<TlsGate> tls_gates_;
  Door door_;
  std::deque<Acceptor> acceptors_;

  CancelScope root_;
  TaskGroup connections_{root_};
  TaskGroup background_{root_};
  TaskGroup watchers_{root_};
  reactor::Event stop_asked_;
  LastResort last_resort_;
};

void Worker::tell(Message message) const noexcept {
  const char byte = static_cast<char>(message);
  // A pipe that nobody reads any more is noticed by watch_arbiter().
  [[maybe_unused]] const ssize_t written = ::write(boot_.message_fd, &byte, 1);
}

void Worker::stop(bool quickly) noexcept {
  // Before the last accepts have ended: who is answered meanwhile is told to go, too.
  context_.drain.set();
  stop_asked_.set();
  if (quickly) {
    connections_.cancel();
    last_resort_.arm(Clock::now() + k_cancelled_tasks_end_within);
  }
}

Task<int> Worker::live() {
  const Heartbeat heartbeat(boot_.heartbeat_fd, boot_.own_place,
                            [this](Clock::time_point now) { return place_.last_able(now); });
  app::set_pool(&place_.pool());
  app::set_background_tasks(&background_, place_.background_pool());
  watchers_.spawn(watch_signals());
  watchers_.spawn(watch_arbiter());
  if (access_log_) {
    watchers_.spawn(hand_on_access_log());
  }
  if (settings_.max_requests > 0) {
    watchers_.spawn(watch_requests());
  }
  if (settings_.max_worker_memory > 0) {
    watchers_.spawn(watch_memory());
  }
  const bool started = co_await start_application();
  if (started) {
    co_await serve();
  }
  last_resort_.arm(Clock::now() + k_cancelled_tasks_end_within);
  background_.cancel();
  co_await background_.join();
  app::set_background_tasks(nullptr);
  if (started) {
    // Only now: what the hooks put away, background tasks may have been using.
    last_resort_.arm(Clock::now() + settings_.graceful_timeout + k_cancelled_tasks_end_within);
    co_await stop_application();
  }
  last_resort_.arm(Clock::now() + k_cancelled_tasks_end_within);
  watchers_.cancel();
  co_await watchers_.join();
  app::set_pool(nullptr);
  co_return started ? k_exit_ok : k_exit_failed_to_boot;
}

Task<bool> Worker::start_application() {
  try {
    co_await application_->startup();
    co_return true;
  } catch (const std::exception& error) {
    observe::error("the application's startup failed: {}", error.what());
  } catch (...) {
    observe::error("the application's startup failed with an unknown exception");
  }
  co_return false;
}

Task<void> Worker::serve() {
  for (const WorkerListener& listener : boot_.listeners) {
    acceptors_.emplace_back(
        listener, gate_, cap_, kind_ == ClassKind::sync ? &door_ : nullptr,
        [this, tls = open_tls(listener)](UniqueFd socket, const net::Peer& peer) {
          connections_.spawn(serve_connection(std::move(socket), peer, context_, cap_, tls));
        });
  }
  door_.open();
  boot_.own_place.set_state(observe::WorkerState::ready);
  if (settings_.daemon) {
    leave_terminal();
    reopen_logs();
  }
  tell(Message::ready);
  co_await accept_until_stop();
  co_await drain();
}

/// The gate of a listener that speaks TLS; null: it does not.
TlsGate* Worker::open_tls(const WorkerListener& listener) {
  if (!listener.tls) {
    return nullptr;
  }
  if (!tls_floor_) {
    tls_floor_.emplace(settings_.tls_handshakes);
  }
  return &tls_gates_.emplace_back(listener.tls, boot_.ticket_keys, settings_, *tls_floor_,
                                  boot_.slot == 0);
}

/// Of class sync: while a request is handled, connections are left to the other workers.
void Worker::turn_changed(bool taken) noexcept {
  if (!taken) {
    door_.open();
    return;
  }
  door_.close();
  for (Acceptor& acceptor : acceptors_) {
    acceptor.step_back();
  }
}

Task<void> Worker::accept_until_stop() {
  TaskGroup accepting(root_);
  for (Acceptor& acceptor : acceptors_) {
    accepting.spawn(acceptor.run());
  }
  co_await stop_asked_.wait();
  accepting.cancel();
  co_await accepting.join();
}

Task<void> Worker::drain() {
  boot_.own_place.set_state(observe::WorkerState::draining);
  tell(Message::draining);
  const bool quickly = connections_.scope().cancelled();
  if (!quickly) {
    // Beside the connections, so that what hurries those hurries this.
    for (Acceptor& acceptor : acceptors_) {
      connections_.spawn(acceptor.empty_queue());
    }
    last_resort_.arm(Clock::now() + settings_.graceful_timeout + k_cancelled_tasks_end_within);
  }
  const detail::ScopeDeadline deadline(Clock::now() + settings_.graceful_timeout,
                                       connections_.scope());
  co_await connections_.join();
  boot_.own_place.set_state(observe::WorkerState::gone);
}

Task<void> Worker::stop_application() {
  try {
    co_await application_->shutdown();
  } catch (const std::exception& error) {
    observe::error("the application's shutdown failed: {}", error.what());
  } catch (...) {
    observe::error("the application's shutdown failed with an unknown exception");
  }
}

Task<void> Worker::watch_signals() {
  for (;;) {
    reactor::Poll poll(signals_.fd(), POLLIN);
    const int ready = co_await poll;
    if (ready == -ECANCELED) {
      co_return;
    }
    for (Signals::Taken taken = signals_.take(); taken.signal != 0; taken = signals_.take()) {
      if (taken.signal == SIGUSR1) {
        reopen_logs();
      } else if (taken.signal == SIGTERM && taken.sender != ::getppid()) {
        watchers_.spawn(ask_to_leave());
      } else {
        stop(taken.signal != SIGTERM);
      }
    }
  }
}

/// See k_arbiter_answers_within.
Task<void> Worker::ask_to_leave() {
  tell(Message::told_to_leave);
  co_await sleep_for(k_arbiter_answers_within);
  if (!boot_.scoreboard.shutting_down()) {
    stop(false);
  }
}

void Worker::reopen_logs() {
  if (const std::error_code error = observe::error_log().reopen()) {
    observe::error("the log could not be opened again, and stays as it is: {}", error.message());
  }
  if (access_log_) {
    access_log_->reopen();
  }
}

/// What few requests leave in the access log; what many leave is handed on by itself.
Task<void> Worker::hand_on_access_log() {
  for (;;) {
    co_await sleep_for(observe::AccessLog::k_batch_interval);
    access_log_->turn(Clock::now());
  }
}

Task<void> Worker::watch_requests() {
  context_.requests_limit =
      settings_.max_requests + random_below(settings_.max_requests_jitter + 1);
  const bool reached = co_await context_.requests_limit_reached.wait();
  if (reached) {
    observe::info("A successor is due after {} requests (--max-requests)", context_.requests_limit);
    tell(Message::recycle);
  }
}

Task<void> Worker::watch_memory() {
  OwnMemory memory(settings_.max_worker_memory);
  while (!memory.is_over_limit(Clock::now())) {
    co_await sleep_for(k_memory_watch_interval);
  }
  observe::info("A successor is due at {} KiB of memory (--max-worker-memory)",
                memory.measured() / 1024);
  tell(Message::recycle);
}

/// A worker without an arbiter drains and leaves: nobody would restart it, nobody could stop it.
Task<void> Worker::watch_arbiter() {
  reactor::Poll poll(boot_.message_fd, 0);
  const int ready = co_await poll;
  if (ready != -ECANCELED) {
    observe::warning("the arbiter is gone; draining");
    stop(false);
  }
}

/// A Worker, with its reactor, whose waiting is done elsewhere.
class OwnDrivenWorker final : public DrivenWorker {
 public:
  OwnDrivenWorker(const WorkerBoot& boot, std::unique_ptr<Application> application)
      : reactor_({.backend = boot.backend}),
        worker_(boot, ClassKind::async, std::move(application)),
        fd_(reactor_.fd()),
        life_(worker_.live(), scope_) {}
  OwnDrivenWorker(const OwnDrivenWorker&) = delete;
  OwnDrivenWorker& operator=(const OwnDrivenWorker&) = delete;
  ~OwnDrivenWorker() override {
    if (!finished()) {
      fatal("a DrivenWorker was destroyed before it had finished");
    }
  }

  int fd() override { return fd_; }
  void submit() noexcept override { reactor_.submit(); }
  bool wait(std::chrono::milliseconds longest) override { return reactor_.wait(longest); }
  void dispatch() override { reactor_.dispatch(); }
  bool finished() const noexcept override { return life_.done(); }

 private:
  reactor::Reactor reactor_;
  Worker worker_;
  int fd_;
  CancelScope scope_;
  RunningTask<int> life_;
};

}  // namespace

int run_own_class(const WorkerBoot& boot, ClassKind kind,
                  std::unique_ptr<Application> application) {
  try {
    const observe::WritingBehind behind;
    reactor::Reactor reactor({.backend = boot.backend});
    Worker worker(boot, kind, std::move(application));
    return reactor.run(worker.live());
  } catch (const std::exception& error) {
    observe::error("the worker failed to boot: {}", error.what());
    return k_exit_failed_to_boot;
  }
}

std::unique_ptr<DrivenWorker> make_driven_worker(const WorkerBoot& boot,
                                                 std::unique_ptr<Application> application) {
  return std::make_unique<OwnDrivenWorker>(boot, std::move(application));
}

}  // namespace uringcorn::worker
