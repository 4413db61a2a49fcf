// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "observe/log_destination.hpp"

namespace uringcorn::observe {

/// Writes batches of lines to a destination on a thread of its own, so that a slow disk or reader
/// holds up nobody else. One batch is under way at a time; who has the next one ready waits for
/// `idle`.
///
/// When it takes nothing (a full disk, a pipe that nobody reads), the batch is kept and tried
/// again every second; the error log says so once, and once more when it is over. A line that was
/// torn by a full disk is ended where it was torn and not completed later.
class LogWriter {
 public:
  /// What append() takes at most while a batch is under way.
  static constexpr std::size_t k_queue_bytes = 256 << 10;

  /// Starts the thread, with all signals blocked. Threads do not survive a fork: make it after.
  explicit LogWriter(std::unique_ptr<LogDestination> destination);
  /// Waits half a second for the batch under way, then abandons it and says so. Only a write that
  /// hangs in the kernel is left behind.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Whether `submit` would take a batch now.
  bool idle() const;
  /// Takes whole lines by exchange: `batch` is then the previous, written one, emptied, so that two
  /// buffers last for ever. Returns false, and leaves `batch` as it is, while one is under way.
  bool submit(std::string& batch);
  /// Queues whole lines for as soon as possible, for who does not gather batches of their own.
  /// Returns false, and takes nothing, when too many wait already.
  bool append(std::string_view lines);
  /// As submit(), after waiting half a second for the batch under way.
  bool submit_last(std::string& batch);
  /// Goes by the destination's name again before the next batch is written.
  void reopen();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with a thread that may outlive this, stuck in a write
  std::thread thread_;
};

}  // namespace uringcorn::observe
