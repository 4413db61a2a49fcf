// SPDX-License-Identifier: MIT
#include "observe/log.hpp"

#include <unistd.h>

#include <ctime>
#include <iterator>

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

void append_time(std::string& out) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[64];
  out.append(text, std::strftime(text, sizeof text, "[%Y-%m-%d %H:%M:%S %z] ", &local));
}

}  // namespace

void ErrorLog::write(LogLevel level, std::string_view message) {
  const std::lock_guard lock(mutex_);
  if (dropped_ > 0) {
    const std::string notice = fmt::format(
        "{} messages are missing here: the error log did not take them in time", dropped_);
    if (write_line(LogLevel::warning, notice)) {
      dropped_ = 0;
    }
  }
  if (!write_line(level, message)) {
    ++dropped_;
  }
}

bool ErrorLog::write_line(LogLevel level, std::string_view message) {
  line_.clear();
  append_time(line_);
  fmt::format_to(std::back_inserter(line_), "[{}] [{}] ", ::getpid(), name_of(level));
  append_escaped(line_, message.substr(0, LogFile::k_atomic_bytes));
  constexpr std::size_t k_longest = LogFile::k_atomic_bytes - 1;
  if (line_.size() > k_longest || message.size() > LogFile::k_atomic_bytes) {
    line_.resize(std::min(line_.size(), k_longest - k_cut_mark.size()));
    line_ += k_cut_mark;
  }
  line_ += '\n';
  return file_.write(line_) == static_cast<ssize_t>(line_.size());
}

void ErrorLog::redirect(LogFile file, LogLevel level, bool captures_output) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
  level_ = level;
  captures_output_ = captures_output;
  if (captures_output_) {
    file_.replace_standard_streams();
  }
}

std::error_code ErrorLog::reopen() {
  const std::lock_guard lock(mutex_);
  const std::error_code error = file_.reopen();
  if (captures_output_) {
    file_.replace_standard_streams();
  }
  return error;
}

std::uint64_t ErrorLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

ErrorLog& error_log() {
  // Never destroyed: threads and other destructors may still log while the process ends.
  alignas(ErrorLog) static unsigned char storage[sizeof(ErrorLog)];
  static auto* log = ::new (storage) ErrorLog(LogFile::open("-", STDERR_FILENO), LogLevel::info);
  return *log;
}

void open_error_log(const std::string& name, LogLevel level, bool captures_output) {
  error_log().redirect(LogFile::open(name, STDERR_FILENO), level, captures_output);
}

}  // namespace uringcorn::observe
