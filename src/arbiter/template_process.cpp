// SPDX-License-Identifier: MIT
#include "arbiter/template_process.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "arbiter/order.hpp"
#include "arbiter/process_title.hpp"
#include "arbiter/worker_life.hpp"
#include "observe/log.hpp"
#include "worker/run.hpp"

namespace uringcorn::arbiter {
namespace {

constexpr char k_is_ready = 'R';

// The order of the descriptors that a worker gets.
enum : std::size_t { k_heartbeat, k_messages, k_first_listener };

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

TemplateProcess::TemplateProcess(std::shared_ptr<const Plan> plan, observe::Scoreboard& scoreboard)
    : plan_(std::move(plan)), scoreboard_(scoreboard), started_(Clock::now()) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make its socket");
  }
  orders_.reset(ends[0]);
  orders_in_child_.reset(ends[1]);
}

TemplateProcess::~TemplateProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
  }
}

// ---- the arbiter's side ----

bool TemplateProcess::fork() {
  // What is buffered now would be written twice.
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot fork");
  }
  if (pid == 0) {
    orders_.reset();
    return true;
  }
  pid_ = pid;
  orders_in_child_.reset();
  return false;
}

void TemplateProcess::close_in_child() noexcept {
  pid_ = 0;
  orders_.reset();
  orders_in_child_.reset();
}

void TemplateProcess::hear() noexcept {
  char said = 0;
  const ssize_t count = ::recv(orders_.get(), &said, 1, MSG_DONTWAIT);
  if (count == 0) {
    orders_.reset();  // It is gone, or about to be. SIGCHLD tells the rest.
  } else if (count == 1 && said == k_is_ready && stage_ == Stage::loading) {
    stage_ = Stage::ready;
    observe::debug("The template of generation {} (pid {}) has loaded the application in {:.3f} s",
                   plan_->generation, pid_, seconds(Clock::now() - started_));
  }
}

void TemplateProcess::enforce(TimePoint now) noexcept {
  if (now >= due()) {
    overdue_ = true;
    ::kill(pid_, SIGKILL);
  }
}

TimePoint TemplateProcess::due() const noexcept {
  const std::chrono::milliseconds timeout = plan_->settings.boot_timeout;
  const bool is_watched = stage_ == Stage::loading && timeout.count() > 0 && !overdue_;
  return is_watched ? started_ + timeout : TimePoint::max();
}

void TemplateProcess::order_worker(unsigned number, const observe::ScoreboardSlot& place,
                                   std::span<const int> descriptors) {
  const auto index = static_cast<std::uint32_t>(&place - scoreboard_.slots().data());
  send_order(orders_.get(), {Order::Kind::fork_worker, number, index}, descriptors);
}

void TemplateProcess::reopen_logs() noexcept {
  try {
    send_order(orders_.get(), {Order::Kind::reopen_logs}, {});
  } catch (const std::exception& error) {
    observe::error("the log of the template (pid {}) stays as it is: {}", pid_, error.what());
  }
}

// ---- the life of the process ----

void TemplateProcess::live(const Preload& preload) {
  int code = worker::k_exit_failed_to_boot;
  try {
    obey(preload);
    code = worker::k_exit_ok;
  } catch (const worker::BootFailure& failure) {
    observe::error("{}", failure.what());
    code = failure.exit_code();
  } catch (const std::exception& error) {
    observe::error("the template failed: {}", error.what());
  }
  // What the application has made belongs to the workers.
  std::_Exit(code);
}

void TemplateProcess::obey(const Preload& preload) {
  set_process_title(title_of("template", plan_->settings));
  prepare_for(*plan_);
  const WorkerEntry entry = preload(plan_->settings);
  static_cast<void>(::send(orders_in_child_.get(), &k_is_ready, 1, MSG_NOSIGNAL));
  while (const std::optional<ReceivedOrder> received = receive_order(orders_in_child_.get())) {
    const auto& [order, descriptors] = *received;
    if (order.kind == Order::Kind::reopen_logs) {
      static_cast<void>(observe::error_log().reopen());  // The arbiter says if that cannot be.
    } else {
      deliver(order.number, scoreboard_.at(order.place), descriptors, entry);
    }
  }
}

/// The worker's parent ends at once, so that the worker falls to the arbiter.
void TemplateProcess::deliver(unsigned number, observe::ScoreboardSlot& place,
                              std::span<const UniqueFd> descriptors, const WorkerEntry& entry) {
  std::fflush(nullptr);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t worker = ::fork();
    if (worker == 0) {
      place.set_pid(::getpid());
      orders_in_child_.reset();
      std::vector<int> listeners;
      for (const UniqueFd& fd : descriptors.subspan(k_first_listener)) {
        listeners.push_back(fd.get());
      }
      live_as_worker({.plan = *plan_,
                      .number = number,
                      .listeners = listeners_of(*plan_, listeners),
                      .scoreboard = scoreboard_,
                      .place = place,
                      .heartbeat_fd = descriptors[k_heartbeat].get(),
                      .message_fd = descriptors[k_messages].get()},
                     entry);
    }
    if (worker < 0) {
      observe::error("the template cannot fork worker {}: {}", number, std::strerror(errno));
    } else {
      place.set_pid(worker);
    }
    std::_Exit(0);
  }
  if (parent < 0) {
    observe::error("the template cannot fork worker {}: {}", number, std::strerror(errno));
  } else {
    ::waitpid(parent, nullptr, 0);
  }
}

}  // namespace uringcorn::arbiter
