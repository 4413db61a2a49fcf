// SPDX-License-Identifier: MIT
#include "observe/log_writer.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <utility>

#include "observe/log.hpp"

namespace uringcorn::observe {

namespace {

constexpr std::chrono::seconds k_retry_interval{1};
/// Half a second of patience, in steps: a time in which the whole process did not run counts as
/// one of them.
constexpr std::chrono::milliseconds k_patience_step{50};
constexpr int k_patience_steps = 10;
constexpr int k_poll_ms = 100;

}  // namespace

struct LogWriter::State {
  explicit State(std::unique_ptr<LogDestination> log_destination)
      : destination(std::move(log_destination)) {}

  // The thread's own, but for the name.
  std::unique_ptr<LogDestination> destination;
  bool failing = false;

  std::mutex mutex;
  std::condition_variable changed;
  std::string batch;  // the thread's while `busy`
  std::string queue;  // what append() took meanwhile
  bool busy = false;
  bool reopen_wanted = false;
  bool stopping = false;   // finish what is under way
  bool abandoned = false;  // do not even finish
  bool finished = false;

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return busy || !queue.empty() || reopen_wanted || stopping; });
      const bool must_reopen = std::exchange(reopen_wanted, false);
      lock.unlock();
      if (must_reopen) {
        open_again();
      }
      lock.lock();
      if (!busy && !queue.empty()) {
        std::swap(batch, queue);
        busy = true;
      }
      if (busy) {
        lock.unlock();
        write_batch();
        lock.lock();
        batch.clear();
        busy = false;
        changed.notify_all();
      } else if (stopping) {
        break;
      }
    }
    finished = true;
    changed.notify_all();
  }

  void open_again() {
    if (const std::error_code error = destination->reopen()) {
      observe::error("cannot open {} again: {} (what was open stays in use)", destination->name(),
                     error.message());
    }
  }

  void write_batch() {
    std::string_view rest = batch;
    bool torn = false;
    while ((torn || !rest.empty()) && !is_abandoned()) {
      const std::string_view piece = torn ? "\n" : destination->first_piece(rest);
      const ssize_t written = destination->write(piece);
      if (written <= 0) {
        wait_after(written == 0 ? EIO : static_cast<int>(-written));
        continue;
      }
      recovered();
      if (std::exchange(torn, false)) {
        continue;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
      const bool whole_lines = rest.empty() || rest.data()[-1] == '\n';
      if (!whole_lines && !destination->continues()) {
        rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
        torn = true;
      }
    }
  }

  void wait_after(int error) {
    if (error == EAGAIN) {
      destination->wait_writable(k_poll_ms);
      return;
    }
    if (!std::exchange(failing, true)) {
      observe::error("cannot write to {}: {} (it is tried again every second)", destination->name(),
                     std::error_code(error, std::system_category()).message());
    }
    std::unique_lock lock(mutex);
    changed.wait_for(lock, k_retry_interval, [this] { return abandoned || reopen_wanted; });
    const bool must_reopen = std::exchange(reopen_wanted, false);
    lock.unlock();
    if (must_reopen) {
      open_again();
    }
  }

  void recovered() {
    if (std::exchange(failing, false)) {
      observe::info("{} is written again", destination->name());
    }
  }

  bool is_abandoned() {
    const std::lock_guard lock(mutex);
    return abandoned;
  }

  /// Waits for the thread, with patience. Gives whether the condition holds.
  template <class Condition>
  bool wait_for(std::unique_lock<std::mutex>& lock, Condition condition) {
    for (int step = 0; step < k_patience_steps && !condition(); ++step) {
      changed.wait_for(lock, k_patience_step, condition);
    }
    return condition();
  }
};

LogWriter::LogWriter(std::unique_ptr<LogDestination> destination)
    : state_(std::make_shared<State>(std::move(destination))) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([state = state_] { state->run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogWriter::~LogWriter() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
  const auto is_finished = [this] { return state_->finished; };
  if (!state_->wait_for(lock, is_finished)) {
    observe::warning("{} does not take its last lines: they are given up",
                     state_->destination->name());
    state_->abandoned = true;
    state_->changed.notify_all();
  }
  // One poll or retry later an abandoned thread is done too, unless a write itself hangs.
  const bool done = state_->wait_for(lock, is_finished);
  lock.unlock();
  if (done) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

bool LogWriter::idle() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->busy;
}

bool LogWriter::submit(std::string& batch) {
  const std::lock_guard lock(state_->mutex);
  if (state_->busy) {
    return false;
  }
  std::swap(state_->batch, batch);
  state_->busy = true;
  state_->changed.notify_all();
  return true;
}

bool LogWriter::append(std::string_view lines) {
  const std::lock_guard lock(state_->mutex);
  if (state_->queue.size() + lines.size() > k_queue_bytes) {
    return false;
  }
  state_->queue += lines;
  state_->changed.notify_all();
  return true;
}

bool LogWriter::submit_last(std::string& batch) {
  {
    std::unique_lock lock(state_->mutex);
    state_->wait_for(lock, [this] { return !state_->busy; });
  }
  return submit(batch);
}

void LogWriter::reopen() {
  const std::lock_guard lock(state_->mutex);
  state_->reopen_wanted = true;
  state_->changed.notify_all();
}

}  // namespace uringcorn::observe
