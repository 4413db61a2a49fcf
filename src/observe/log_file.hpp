// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "base/unique_fd.hpp"
#include "observe/log_destination.hpp"

namespace uringcorn::observe {

/// A place that log lines go to: a file opened for appending, or one of the standard streams.
///
/// A pipe, terminal or socket whose reader does not read is never waited for: such a write fails
/// with EAGAIN. Only a regular file can make `write` wait, for its disk. Other processes that share
/// the stream keep their blocking mode. Writing to a pipe without a reader raises SIGPIPE and
/// writing past a file size limit SIGXFSZ, so the process ignores both.
class LogFile final : public LogDestination {
 public:
  /// What one `write` to a pipe takes wholly or not at all, whoever else writes to it (pipe(7)).
  static constexpr std::size_t k_atomic_bytes = 4096;

  /// `-` names the stream `standard_fd`, which stays open; anything else a file, created with mode
  /// 0640 (and the umask) when it is not there. Throws `std::system_error`.
  static LogFile open(const std::string& name, int standard_fd);

  /// All lines for a file; for a stream as many whole ones as it takes without tearing them.
  std::string_view first_piece(std::string_view lines) const override;
  /// One write(2) or send(2).
  ssize_t write(std::string_view text) override;
  bool continues() const override { return kind_ != Kind::regular; }
  bool wait_writable(int timeout_ms) const override;

  /// Opens the name again, for when the file has been renamed. Of a standard stream it takes what
  /// that is now, if it has been redirected.
  /// When that fails, the file that was open stays in use.
  std::error_code reopen() override;
  std::unique_ptr<LogDestination> duplicate() const override;

  /// Puts the file in the place of standard output and standard error; does nothing when it is one
  /// of them.
  void replace_standard_streams() const;

  const std::string& name() const override { return name_; }

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
