// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

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

  bool writes(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  void write(LogLevel level, std::string_view message);

  /// Replaces the file and the level. With `captures_output` what the process writes to its
  /// standard streams goes to the file, too, and to its successor after a rotation.
  void redirect(LogFile file, LogLevel level, bool captures_output = false);
  /// Opens the file by its name again, as after a rotation; on failure the old one stays in use.
  std::error_code reopen();
  /// Lines dropped since the last one that told their number.
  std::uint64_t dropped() const;

 private:
  bool write_line(LogLevel level, std::string_view message);

  mutable std::mutex mutex_;
  LogFile file_;
  std::atomic<LogLevel> level_;
  bool captures_output_ = false;
  std::string line_;
  std::uint64_t dropped_ = 0;
};

/// The log of this process: standard error at level info until `redirect` says otherwise. Children
/// of a fork inherit it as it is.
ErrorLog& error_log();

/// Sends the log to `name` (`-`: standard error), and the process's standard streams with it if
/// `captures_output`. Throws `std::system_error` when it cannot be opened, and then changes
/// nothing.
void open_error_log(const std::string& name, LogLevel level, bool captures_output = false);

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
  if (error_log().writes(level)) {
    error_log().write(level, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::debug, text, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::info, text, std::forward<Args>(args)...);
}
template <typename... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::warning, text, std::forward<Args>(args)...);
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::error, text, std::forward<Args>(args)...);
}
template <typename... Args>
void critical(fmt::format_string<Args...> text, Args&&... args) {
  log(LogLevel::critical, text, std::forward<Args>(args)...);
}

}  // namespace uringcorn::observe
