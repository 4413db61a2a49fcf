// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log_format.hpp"
#include "base/log_level.hpp"
#include "observe/log_file.hpp"
#include "observe/log_writer.hpp"
#include "observe/syslog.hpp"

namespace uringcorn::observe {

struct ErrorLogOptions {
  std::string file = "-";  // standard error
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  /// What the process writes to its standard streams goes to the file, too, and to its successor
  /// after a rotation.
  bool captures_output = false;
  std::optional<SyslogOptions> syslog = {};  // besides the file

  bool operator==(const ErrorLogOptions&) const = default;
};

/// The server's own messages, one line each:
/// `[2026-11-23 15:00:00 +0000] [4711] [INFO] Listening at: http://127.0.0.1:8000`, or as JSON
/// `{"time":"2026-11-23T15:00:00.000Z","level":"info","pid":4711,"message":"Listening at: ..."}`.
///
/// A line is one write of at most `LogFile::k_atomic_bytes`, so that lines of several processes do
/// not mix; what is longer is cut and ends in `...`. Control characters and bytes that are not
/// UTF-8 are escaped, so that a message stays one line whatever is in it. A line that the file or
/// the syslog daemon does not take at once is dropped and counted, and the next line that is taken
/// there is preceded by one that tells the count. Any thread may write; signal handlers may not.
class ErrorLog {
 public:
  ErrorLog(LogFile file, LogLevel level);

  bool writes(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  void write(LogLevel level, std::string_view message);

  /// Replaces everything. Throws `std::system_error`, and then changes nothing.
  void open(const ErrorLogOptions& options);
  /// The same with a file that is open already, in the text format and without syslog.
  void redirect(LogFile file, LogLevel level);
  /// Opens the file by its name again, as after a rotation; on failure the old one stays in use.
  std::error_code reopen();

  /// From now on a thread writes, so that a disk that hangs holds up nobody; at most
  /// `LogWriter::k_queue_bytes` wait for it. Threads do not survive a fork: call it after.
  void start_writing_behind();
  /// Waits for what is queued, but not for long, and goes back to writing at once.
  void stop_writing_behind();

  const ErrorLogOptions& options() const { return options_; }
  /// Lines dropped since the last one that told their number.
  std::uint64_t dropped() const;

 private:
  struct Output {
    std::unique_ptr<LogDestination> destination;
    std::unique_ptr<LogWriter> writer;  // if it writes behind
    std::optional<SyslogHead> head;     // if it is a syslog daemon
    std::uint64_t dropped = 0;

    bool take(std::string_view line);
  };

  void write_to(Output& output, LogLevel level, std::string_view message);
  bool write_line(Output& output, LogLevel level, std::string_view message);
  void append_text(LogLevel level, std::string_view message);
  void append_json(LogLevel level, std::string_view message);

  mutable std::mutex mutex_;
  ErrorLogOptions options_;
  std::vector<Output> outputs_;
  std::atomic<LogLevel> level_;
  std::string line_;
};

/// The log of this process: standard error at level info until it is opened elsewhere. Children of
/// a fork inherit it as it is.
ErrorLog& error_log();

/// Opens the log of this process. Throws `std::system_error`, and then changes nothing.
void open_error_log(const ErrorLogOptions& options);

/// While it lives, the log of this process is written behind.
class WritingBehind {
 public:
  WritingBehind() { error_log().start_writing_behind(); }
  ~WritingBehind() { error_log().stop_writing_behind(); }
  WritingBehind(const WritingBehind&) = delete;
  WritingBehind& operator=(const WritingBehind&) = delete;
};

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
