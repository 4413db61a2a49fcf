// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include "base/log_level.hpp"
#include "observe/log_file.hpp"

namespace uringcorn::observe {

/// The server's own messages, one line each:
/// `[2026-11-23 15:00:00 +0000] [4711] [INFO] Listening at: http://127.0.0.1:8000`.
///
/// A line is one write of at most `LogFile::k_atomic_bytes`, so that lines of several processes do
/// not mix; what is longer is cut and ends in `...`. Control characters and bytes that are not
/// UTF-8 are escaped, so that a message stays one line whatever is in it. A line that the file does
/// not take at once is dropped and counted, and the next line that it takes is preceded by one that
/// tells the count. Any thread may write; signal handlers may not.
class ErrorLog {
 public:
  ErrorLog(LogFile file, LogLevel level) : file_(std::move(file)), level_(level) {}

  bool writes(LogLevel level) const { return level >= level_; }
  void write(LogLevel level, std::string_view message);

  /// Replaces the file and the level.
  void redirect(LogFile file, LogLevel level);
  std::error_code reopen();

  /// Lines dropped since the last one that told their number.
  std::uint64_t dropped() const;

 private:
  bool write_line(LogLevel level, std::string_view message);

  mutable std::mutex mutex_;
  LogFile file_;
  LogLevel level_;
  std::string line_;
  std::uint64_t dropped_ = 0;
};

}  // namespace uringcorn::observe
