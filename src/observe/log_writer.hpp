// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "observe/log_file.hpp"

namespace uringcorn::observe {

/// Writes batches of lines to a file on a thread of its own, so that a slow disk or reader holds up
/// nobody else. One batch is under way at a time; who has the next one ready waits for `idle`.
///
/// When the file takes nothing (a full disk, a pipe that nobody reads), the batch is kept and tried
/// again every second; the error log says so once, and once more when it is over. A line that was
/// torn by a full disk is ended where it was torn and not completed later.
class LogWriter {
 public:
  /// Starts the thread, with all signals blocked. Threads do not survive a fork: make it after.
  explicit LogWriter(LogFile file);
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
  /// The same, after waiting half a second for the batch under way.
  bool submit_last(std::string& batch);
  /// Opens the file by its name again before the next batch is written.
  void reopen();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with a thread that may outlive this, stuck in a write
  std::thread thread_;
};

}  // namespace uringcorn::observe
