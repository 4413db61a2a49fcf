// SPDX-License-Identifier: MIT
#include "arbiter/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

#include "arbiter/worker_life.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

observe::ScoreboardSlot& claim(observe::Scoreboard& scoreboard, unsigned number,
                               unsigned generation) {
  observe::ScoreboardSlot* place = scoreboard.claim(number, generation);
  if (place == nullptr) {
    throw std::system_error(EAGAIN, std::generic_category(), "too many workers");
  }
  return *place;
}

std::vector<worker::WorkerListener> listeners_for(const Plan& plan, unsigned number) {
  std::vector<int> sockets;
  for (const std::shared_ptr<BoundAddress>& address : plan.sockets) {
    sockets.push_back(address->socket_for(number).fd());
  }
  return listeners_of(plan, sockets);
}

UniqueFd make_heartbeat(HeartbeatFolder& heartbeats, const Identity& identity) {
  UniqueFd file = heartbeats.make_file();
  identity.own(file.get());
  return file;
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

WorkerProcess::WorkerProcess(std::shared_ptr<const Plan> plan, unsigned number,
                             HeartbeatFolder& heartbeats, observe::Scoreboard& scoreboard)
    : plan_(std::move(plan)),
      number_(number),
      scoreboard_(scoreboard),
      listeners_(listeners_for(*plan_, number)),
      heartbeat_(make_heartbeat(heartbeats, plan_->identity)),
      place_(claim(scoreboard, number, plan_->generation)),
      started_(Clock::now()) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    scoreboard_.release(place_);
    throw std::system_error(errno, std::generic_category(), "cannot make its pipe");
  }
  messages_.reset(ends[0]);
  message_writer_.reset(ends[1]);
}

WorkerProcess::~WorkerProcess() {
  scoreboard_.release(place_);
}

bool WorkerProcess::fork() {
  // What is buffered now would be written twice.
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot fork");
  }
  if (pid == 0) {
    place_.set_pid(::getpid());
    messages_.reset();
    return true;
  }
  place_.set_pid(pid);
  message_writer_.reset();
  note_pid();
  return false;
}

void WorkerProcess::live(const WorkerEntry& entry) {
  const WorkerSeed seed{
      .plan = *plan_,
      .number = number_,
      .listeners = listeners_,
      .scoreboard = scoreboard_,
      .place = place_,
      .heartbeat_fd = heartbeat_.get(),
      .message_fd = message_writer_.get(),
  };
  try {
    prepare_for(*plan_);
  } catch (const std::exception& error) {
    observe::critical("{}", error.what());
    std::exit(worker::k_exit_failed_to_boot);
  }
  live_as_worker(seed, entry);
}

void WorkerProcess::be_forked_by(TemplateProcess& origin) {
  std::vector<int> descriptors{heartbeat_.get(), message_writer_.get()};
  for (const worker::WorkerListener& listener : listeners_) {
    descriptors.push_back(listener.fd);
  }
  origin.order_worker(number_, place_, descriptors);
  message_writer_.reset();
}

void WorkerProcess::close_in_child() noexcept {
  heartbeat_.reset();
  messages_.reset();
  message_writer_.reset();
}

/// Of a worker that a template forks, it comes with its first message.
void WorkerProcess::note_pid() noexcept {
  if (pid_ == 0 && place_.pid() != 0) {
    pid_ = place_.pid();
    observe::info("Booting worker with pid: {} (worker {}, generation {})", pid_, number_,
                  plan_->generation);
  }
}

void WorkerProcess::hear() noexcept {
  char said[16];
  ssize_t count = 0;
  while ((count = ::read(messages_.get(), said, sizeof said)) > 0) {
    note_pid();
    for (const char byte : std::string_view(said, static_cast<std::size_t>(count))) {
      if (byte == static_cast<char>(worker::Message::ready) && stage_ == Stage::booting) {
        stage_ = Stage::ready;
        observe::debug("Worker {} (pid {}) is ready after {:.3f} s", number_, pid_,
                       seconds(Clock::now() - started_));
      } else if (byte == static_cast<char>(worker::Message::draining) && stage_ != Stage::leaving) {
        // Somebody else asked it to; it gets no more time for that than from us.
        stage_ = Stage::leaving;
        leave_by(Clock::now() + plan_->settings.graceful_timeout, Verdict::graceful_timeout);
      } else if (byte == static_cast<char>(worker::Message::recycle)) {
        wants_successor_ = true;
      } else if (byte == static_cast<char>(worker::Message::told_to_leave)) {
        told_to_leave_ = true;
      }
    }
  }
  if (count == 0) {
    // The writing end is closed: the worker is gone, or about to be. SIGCHLD tells the rest.
    messages_.reset();
    note_pid();
    never_came_ = pid_ == 0;
  }
}

void WorkerProcess::drain(TimePoint now) noexcept {
  if (stage_ != Stage::leaving) {
    const bool may_have_connections = place_.state() != observe::WorkerState::booting;
    stage_ = Stage::leaving;
    if (may_have_connections) {
      leave_by(now + plan_->settings.graceful_timeout, Verdict::graceful_timeout);
    } else {
      leave_by(now + k_quick_end, Verdict::quick_end);
    }
    signal(SIGTERM);
  }
}

void WorkerProcess::end_quickly(TimePoint now) noexcept {
  stage_ = Stage::leaving;
  leave_by(now + k_quick_end, Verdict::quick_end);
  signal(SIGQUIT);
}

void WorkerProcess::leave_by(TimePoint deadline, Verdict otherwise) noexcept {
  if (deadline + k_last_words < kill_at_) {
    kill_at_ = deadline + k_last_words;
    killed_for_ = otherwise;
  }
}

void WorkerProcess::kill() noexcept {
  if (!std::exchange(killed_, true)) {
    if (verdict_ == Verdict::none) {
      verdict_ = Verdict::kill;
    }
    kill_at_ = TimePoint::max();
    signal(SIGKILL);
  }
}

void WorkerProcess::enforce(TimePoint now, TimePoint grace_from) noexcept {
  if (killed_) {
    return;
  }
  if (now >= kill_at_) {
    if (verdict_ == Verdict::none) {
      verdict_ = killed_for_;
    }
    kill();
    return;
  }
  if (aborted_) {
    return;
  }
  const settings::Settings& settings = plan_->settings;
  if (stage_ == Stage::booting) {
    if (settings.boot_timeout.count() > 0 && now >= started_ + settings.boot_timeout) {
      observe::error("Worker {} (pid {}) is not ready after {:.1f} s (--boot-timeout): aborting it",
                     number_, pid_, seconds(now - started_));
      abort(Verdict::boot_timeout, now);
    }
  } else if (settings.timeout.count() > 0) {
    const Duration silence = now - std::max(last_beat(heartbeat_.get()), grace_from);
    if (silence >= settings.timeout) {
      observe::error("Worker {} (pid {}) is silent for {:.1f} s (--timeout): aborting it", number_,
                     pid_, seconds(silence));
      abort(Verdict::silent, now);
    }
  }
}

TimePoint WorkerProcess::due(TimePoint grace_from) const noexcept {
  if (killed_ || aborted_) {
    return kill_at_;
  }
  const settings::Settings& settings = plan_->settings;
  TimePoint check = TimePoint::max();
  if (stage_ == Stage::booting) {
    if (settings.boot_timeout.count() > 0) {
      check = started_ + settings.boot_timeout;
    }
  } else if (settings.timeout.count() > 0) {
    check = std::max(last_beat(heartbeat_.get()), grace_from) + settings.timeout;
  }
  return std::min(kill_at_, check);
}

void WorkerProcess::abort(Verdict verdict, TimePoint now) noexcept {
  verdict_ = verdict;
  aborted_ = true;
  never_came_ = pid() == 0;  // Should it come all the same, it finds that nobody hears it.
  kill_at_ = std::min(kill_at_, now + k_last_words);
  signal(SIGABRT);
}

void WorkerProcess::signal(int number) noexcept {
  if (pid() > 0) {
    ::kill(pid(), number);
  }
}

}  // namespace uringcorn::arbiter
