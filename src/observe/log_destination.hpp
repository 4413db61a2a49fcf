// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace uringcorn::observe {

/// Where whole lines go. Nothing in here waits, unless a regular file's disk makes it.
class LogDestination {
 public:
  LogDestination() = default;
  LogDestination(const LogDestination&) = delete;
  LogDestination& operator=(const LogDestination&) = delete;
  virtual ~LogDestination() = default;

  /// As much of `lines` as one write() is to be given, which is whole lines; neither is empty.
  virtual std::string_view first_piece(std::string_view lines) const = 0;
  /// Returns the bytes taken, maybe fewer than given, or a negative errno: -EAGAIN when whoever
  /// reads is slow.
  virtual ssize_t write(std::string_view piece) = 0;
  /// Whether a piece that was taken in part goes on where it stopped, as in a pipe. If not, the
  /// line that was torn is given up.
  virtual bool continues() const = 0;
  /// Waits until a write may succeed or the time is over. True in the first case.
  virtual bool wait_writable(int timeout_ms) const = 0;
  /// Goes by the name again, for when what it names is another one by now. When that fails, what
  /// was open stays in use.
  virtual std::error_code reopen() = 0;
  /// The same destination with a descriptor of its own; null when there is none left.
  virtual std::unique_ptr<LogDestination> duplicate() const = 0;

  virtual const std::string& name() const = 0;

 protected:
  LogDestination(LogDestination&&) = default;
  LogDestination& operator=(LogDestination&&) = default;
};

}  // namespace uringcorn::observe
