// SPDX-License-Identifier: MIT
#include "worker/module_class.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <uringcorn/worker_class.hpp>

#include "app/loader.hpp"
#include "base/unique_fd.hpp"
#include "observe/log.hpp"
#include "observe/scoreboard.hpp"
#include "worker/heartbeat.hpp"
#include "worker/load.hpp"
#include "worker/signals.hpp"
#include "worker/worker.hpp"

namespace uringcorn::worker {
namespace {

constexpr int k_exit_failed = 1;

/// What a loop that polls the control descriptor has to hear of: signals, the second that is over,
/// and the death of the arbiter.
class Control {
 public:
  explicit Control(int message_fd)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        second_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    itimerspec each_second{};
    each_second.it_interval.tv_sec = 1;
    each_second.it_value.tv_sec = 1;
    if (!epoll_ || !second_ || ::timerfd_settime(second_.get(), 0, &each_second, nullptr) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot make the control descriptor");
    }
    add(signals_.fd(), EPOLLIN);
    add(second_.get(), EPOLLIN);
    add(message_fd, EPOLLERR | EPOLLONESHOT);
    message_fd_ = message_fd;
  }

  int fd() const noexcept { return epoll_.get(); }
  const Signals& signals() const noexcept { return signals_; }
  /// Forgets what made the descriptor readable, signals excepted. True: the arbiter is gone.
  bool take() noexcept {
    std::array<epoll_event, 4> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
    bool is_arbiter_gone = false;
    for (int i = 0; i < count; ++i) {
      is_arbiter_gone |= events[static_cast<std::size_t>(i)].data.fd == message_fd_;
    }
    std::uint64_t expirations = 0;
    [[maybe_unused]] const ssize_t got = ::read(second_.get(), &expirations, sizeof expirations);
    return is_arbiter_gone;
  }

 private:
  void add(int fd, std::uint32_t wanted) {
    epoll_event event{};
    event.events = wanted;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }

  UniqueFd epoll_;
  UniqueFd second_;
  Signals signals_;
  int message_fd_ = -1;
};

LogLevel level_of(Severity severity) noexcept {
  switch (severity) {
    case Severity::debug:
      return LogLevel::debug;
    case Severity::info:
      return LogLevel::info;
    case Severity::warning:
      return LogLevel::warning;
    case Severity::error:
      break;
  }
  return LogLevel::error;
}

class Context final : public WorkerContext {
 public:
  Context(const WorkerBoot& boot, WorkerClass& worker_class) : boot_(boot), class_(worker_class) {
    for (const WorkerListener& listener : boot.listeners) {
      sockets_.push_back({listener.fd, listener.name});
    }
  }

  std::span<const WorkerSocket> listeners() const noexcept override { return sockets_; }
  std::string_view app_path() const noexcept override { return boot_.settings.app_path; }
  unsigned slot() const noexcept override { return boot_.slot; }
  unsigned generation() const noexcept override { return boot_.generation; }
  std::chrono::milliseconds graceful_timeout() const noexcept override {
    return boot_.settings.graceful_timeout;
  }

  int control_fd() override {
    if (!control_) {
      control_.emplace(boot_.message_fd);
    }
    return control_->fd();
  }
  void control() override;
  void ready() override {
    beat();
    boot_.own_place.set_state(observe::WorkerState::ready);
    tell(Message::ready);
  }

  void log(Severity severity, std::string_view text) override {
    observe::log(level_of(severity), "{}", text);
  }
  void connection_opened() noexcept override { boot_.own_place.connection_opened(); }
  void connection_closed() noexcept override { boot_.own_place.connection_closed(); }
  std::uint32_t request_began(std::string_view method, std::string_view target) noexcept override {
    return static_cast<std::uint32_t>(boot_.own_place.enter_request(method, target));
  }
  void request_ended(std::uint32_t request) noexcept override {
    boot_.own_place.leave_request(observe::ScoreboardSlot::RequestToken{request});
  }

  std::unique_ptr<Application> load_application() override {
    return worker::load_application(boot_);
  }
  std::unique_ptr<DrivenWorker> make_worker(std::unique_ptr<Application> application) override {
    return make_driven_worker(boot_, std::move(application));
  }

 private:
  void beat() noexcept { show_alive(boot_.heartbeat_fd, boot_.own_place, Clock::now()); }
  void tell(Message message) const noexcept {
    const char byte = static_cast<char>(message);
    [[maybe_unused]] const ssize_t written = ::write(boot_.message_fd, &byte, 1);
  }
  void leave(bool quickly);

  const WorkerBoot& boot_;
  WorkerClass& class_;
  std::vector<WorkerSocket> sockets_;
  std::optional<Control> control_;
  bool is_draining_ = false;
  Clock::time_point leave_at_ = Clock::time_point::max();
};

void Context::control() {
  beat();
  if (control_->take()) {
    observe::warning("the arbiter is gone; draining");
    leave(false);
  }
  if (Clock::now() >= leave_at_ && !boot_.scoreboard.shutting_down()) {
    leave(false);
  }
  for (;;) {
    const Signals::Taken taken = control_->signals().take();
    if (taken.signal == 0) {
      return;
    }
    if (taken.signal == SIGTERM && taken.sender != ::getppid()) {
      tell(Message::told_to_leave);
      leave_at_ = std::min(leave_at_, Clock::now() + k_arbiter_answers_within);
    } else if (taken.signal != SIGUSR1) {
      leave(taken.signal != SIGTERM);
    } else if (const std::error_code error = observe::error_log().reopen()) {
      observe::error("the log could not be opened again, and stays as it is: {}", error.message());
    }
  }
}

void Context::leave(bool quickly) {
  if (!std::exchange(is_draining_, true)) {
    boot_.own_place.set_state(observe::WorkerState::draining);
    tell(Message::draining);
    class_.drain();
  }
  if (quickly) {
    class_.stop();
  }
}

}  // namespace

int run_module_class(const WorkerBoot& boot, const std::string& module) {
  std::unique_ptr<WorkerClass> loaded;
  try {
    loaded = app::load_worker_class(module, mapping_of(boot.settings));
  } catch (const app::LoadError& error) {
    observe::error("{}", error.what());
    return k_exit_app_not_loaded;
  } catch (const std::exception& error) {
    observe::error("the worker class failed to boot: {}", error.what());
    return k_exit_failed_to_boot;
  }
  Context context(boot, *loaded);
  // Destroyed before the context, to which what the class keeps refers.
  const std::unique_ptr<WorkerClass> worker_class = std::move(loaded);
  try {
    worker_class->boot(context);
  } catch (const std::exception& error) {
    observe::error("the worker class failed to boot: {}", error.what());
    return k_exit_failed_to_boot;
  }
  try {
    worker_class->run(context);
    return k_exit_ok;
  } catch (const std::exception& error) {
    observe::error("the worker class failed: {}", error.what());
    return k_exit_failed;
  }
}

}  // namespace uringcorn::worker
