// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <system_error>

#include "base/unique_fd.hpp"

namespace uringcorn::observe {

/// A place that log lines go to: a file opened for appending, or one of the standard streams.
///
/// A pipe, terminal or socket whose reader does not read is never waited for: such a write fails
/// with EAGAIN. Only a regular file can make `write` wait, for its disk. Other processes that share
/// the stream keep their blocking mode. Writing to a pipe without a reader raises SIGPIPE and
/// writing past a file size limit SIGXFSZ, so the process ignores both.
class LogFile {
 public:
  /// What one `write` to a pipe takes wholly or not at all, whoever else writes to it (pipe(7)).
  static constexpr std::size_t k_atomic_bytes = 4096;

  /// `-` names the stream `standard_fd`, which stays open; anything else a file, created with mode
  /// 0640 (and the umask) when it is not there. Throws `std::system_error`.
  static LogFile open(const std::string& name, int standard_fd);

  /// One write(2) or send(2). Returns the bytes taken, maybe fewer than given, or a negative errno:
  /// -EAGAIN when the reader is slow.
  ssize_t write(std::string_view text);

  /// Waits until a write may succeed or the time is over. True in the first case.
  bool wait_writable(int timeout_ms) const;

  /// Opens the name again, for when the file has been renamed. Of a standard stream it takes what
  /// that is now, if it has been redirected.
  /// When that fails, the file that was open stays in use.
  std::error_code reopen();

  /// Puts the file in the place of standard output and standard error; does nothing when it is one
  /// of them.
  void replace_standard_streams() const;

  /// Whether lines longer than `k_atomic_bytes`, or several in one write, may be torn apart.
  bool is_stream() const { return kind_ != Kind::regular; }
  const std::string& name() const { return name_; }

 private:
  enum class Kind { regular, stream, blocking_stream, socket };

  LogFile() = default;
  void adopt_standard(int fd);
  bool is_still_standard() const;

  std::string name_;
  UniqueFd owned_;
  int fd_ = -1;  // owned_'s, or a standard stream
  int standard_fd_ = -1;
  Kind kind_ = Kind::regular;
};

}  // namespace uringcorn::observe
