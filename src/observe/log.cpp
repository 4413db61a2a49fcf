// SPDX-License-Identifier: MIT
#include "observe/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <new>
#include <utility>

#include "base/escape.hpp"

namespace uringcorn::observe {

namespace {

constexpr std::string_view k_cut_mark = "...";

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::info:
      return "INFO";
    case LogLevel::warning:
      return "WARNING";
    case LogLevel::error:
      return "ERROR";
    case LogLevel::critical:
      return "CRITICAL";
  }
  return {};
}

std::string_view lower_name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::critical:
      return "critical";
  }
  return {};
}

void append_time(std::string& out) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[64];
  out.append(text, std::strftime(text, sizeof text, "[%Y-%m-%d %H:%M:%S %z] ", &local));
}

void append_utc_time(std::string& out) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  char text[64];
  out.append(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc));
  fmt::format_to(std::back_inserter(out), ".{:03}Z", now.tv_nsec / 1'000'000);
}

}  // namespace

ErrorLog::ErrorLog(LogFile file, LogLevel level) : level_(level) {
  redirect(std::move(file), level);
}

// ---- lines ----

void ErrorLog::write(LogLevel level, std::string_view message) {
  const std::lock_guard lock(mutex_);
  for (Output& output : outputs_) {
    write_to(output, level, message);
  }
}

void ErrorLog::write_to(Output& output, LogLevel level, std::string_view message) {
  if (output.dropped > 0) {
    const std::string notice = fmt::format(
        "{} messages are missing here: the error log did not take them in time", output.dropped);
    if (write_line(output, LogLevel::warning, notice)) {
      output.dropped = 0;
    }
  }
  if (!write_line(output, level, message)) {
    ++output.dropped;
  }
}

bool ErrorLog::write_line(Output& output, LogLevel level, std::string_view message) {
  line_.clear();
  if (output.head) {
    output.head->append(line_, level);
  }
  if (options_.format == LogFormat::json) {
    append_json(level, message);
  } else {
    append_text(level, message);
  }
  return output.take(line_);
}

bool ErrorLog::Output::take(std::string_view line) {
  return writer ? writer->append(line)
                : destination->write(line) == static_cast<ssize_t>(line.size());
}

/// A syslog daemon has the time and the process from the head.
void ErrorLog::append_text(LogLevel level, std::string_view message) {
  if (line_.empty()) {
    append_time(line_);
    fmt::format_to(std::back_inserter(line_), "[{}] ", ::getpid());
  }
  fmt::format_to(std::back_inserter(line_), "[{}] ", name_of(level));
  append_escaped(line_, message.substr(0, LogFile::k_atomic_bytes));
  constexpr std::size_t k_longest = LogFile::k_atomic_bytes - 1;
  if (line_.size() > k_longest || message.size() > LogFile::k_atomic_bytes) {
    line_.resize(std::min(line_.size(), k_longest - k_cut_mark.size()));
    line_ += k_cut_mark;
  }
  line_ += '\n';
}

void ErrorLog::append_json(LogLevel level, std::string_view message) {
  line_ += R"({"time":")";
  append_utc_time(line_);
  fmt::format_to(std::back_inserter(line_), R"(","level":"{}","pid":{},"message":")",
                 lower_name_of(level), ::getpid());
  constexpr std::string_view k_end = "\"}\n";
  const std::size_t longest = LogFile::k_atomic_bytes - k_cut_mark.size() - k_end.size();
  while (!message.empty()) {
    // A character at a time, so that what is cut is neither one of them nor an escape.
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence_length(message));
    const std::size_t before = line_.size();
    append_json_escaped(line_, message.substr(0, length));
    if (line_.size() > longest) {
      line_.resize(before);
      line_ += k_cut_mark;
      break;
    }
    message.remove_prefix(length);
  }
  line_ += k_end;
}

// ---- where they go ----

void ErrorLog::open(const ErrorLogOptions& options) {
  std::vector<Output> outputs;
  outputs.push_back(
      {.destination = std::make_unique<LogFile>(LogFile::open(options.file, STDERR_FILENO))});
  if (options.syslog) {
    auto daemon = std::make_unique<SyslogSocket>(options.syslog->address);
    if (const std::error_code error = daemon->reopen()) {
      throw std::system_error(error, "cannot open the log " + daemon->name());
    }
    outputs.push_back({.destination = std::move(daemon), .head = SyslogHead(*options.syslog)});
  }
  const std::lock_guard lock(mutex_);
  outputs_ = std::move(outputs);
  options_ = options;
  level_ = options.level;
  if (options.captures_output) {
    static_cast<LogFile&>(*outputs_.front().destination).replace_standard_streams();
  }
}

void ErrorLog::redirect(LogFile file, LogLevel level) {
  const std::lock_guard lock(mutex_);
  options_ = {.file = file.name(), .level = level};
  outputs_.clear();
  outputs_.push_back({.destination = std::make_unique<LogFile>(std::move(file))});
  level_ = level;
}

std::error_code ErrorLog::reopen() {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  for (Output& output : outputs_) {
    const std::error_code each = output.destination->reopen();
    error = each ? each : error;
    if (output.writer) {
      output.writer->reopen();
    }
  }
  if (options_.captures_output) {
    static_cast<LogFile&>(*outputs_.front().destination).replace_standard_streams();
  }
  return error;
}

void ErrorLog::start_writing_behind() {
  const std::lock_guard lock(mutex_);
  for (Output& output : outputs_) {
    if (std::unique_ptr<LogDestination> own = output.destination->duplicate()) {
      output.writer = std::make_unique<LogWriter>(std::move(own));
    }
  }
}

void ErrorLog::stop_writing_behind() {
  std::vector<std::unique_ptr<LogWriter>> ending;
  {
    const std::lock_guard lock(mutex_);
    for (Output& output : outputs_) {
      ending.push_back(std::move(output.writer));
    }
  }
  ending.clear();  // Without the lock: a thread that ends may still have something to log.
}

std::uint64_t ErrorLog::dropped() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t dropped = 0;
  for (const Output& output : outputs_) {
    dropped += output.dropped;
  }
  return dropped;
}

ErrorLog& error_log() {
  // Never destroyed: threads and other destructors may still log while the process ends.
  alignas(ErrorLog) static unsigned char storage[sizeof(ErrorLog)];
  static auto* log = ::new (storage) ErrorLog(LogFile::open("-", STDERR_FILENO), LogLevel::info);
  return *log;
}

void open_error_log(const ErrorLogOptions& options) {
  error_log().open(options);
}

}  // namespace uringcorn::observe
