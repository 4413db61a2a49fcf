// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "base/log_level.hpp"
#include "base/unique_fd.hpp"
#include "observe/log_destination.hpp"

namespace uringcorn::observe {

/// Where a syslog daemon listens, and under which name and facility we speak to it.
struct SyslogOptions {
  std::string address;  // unix://PATH, udp://HOST[:PORT] or udp://[v6][:PORT]
  std::string tag;
  int facility = 1;  // RFC 3164, section 4.1.1: 1 is user, 16 is local0

  bool operator==(const SyslogOptions&) const = default;
};

/// What is wrong with an address, as the end of a sentence about it; empty: nothing.
std::string syslog_address_complaint(const std::string& address);

/// The same for the tag: what a daemon finds the end of, and takes for one word.
std::string syslog_tag_complaint(const std::string& tag);

/// The head of a message as RFC 3164 has it: priority, local time, tag and process id; over UDP the
/// host's name, too, which a daemon on the same host adds by itself. Belongs to one thread.
class SyslogHead {
 public:
  explicit SyslogHead(const SyslogOptions& options);
  void append(std::string& out, LogLevel level);

 private:
  int facility_;
  std::string host_and_tag_;
  std::time_t second_ = -1;  // the one that time_ shows
  std::string time_;
};

/// The daemon as a destination: each line is a datagram, which begins with a head already. What the
/// daemon does not take is as with a pipe that nobody reads; a daemon that was started anew is
/// found again by itself. Over UDP nobody knows what arrives.
class SyslogSocket final : public LogDestination {
 public:
  /// The rest of a longer message is cut off.
  static constexpr std::size_t k_longest_message = 8192;

  /// Finds out the address, which may take a while for a name, and tries to connect: a daemon that
  /// is not there is the first write's problem, or reopen()'s. Throws `std::system_error` when
  /// there is no such host.
  explicit SyslogSocket(const std::string& address);

  std::string_view first_piece(std::string_view lines) const override;
  ssize_t write(std::string_view line) override;
  bool continues() const override { return false; }
  bool wait_writable(int timeout_ms) const override;
  std::error_code reopen() override;
  std::unique_ptr<LogDestination> duplicate() const override;
  const std::string& name() const override { return name_; }

 private:
  SyslogSocket() = default;

  std::string name_;
  sockaddr_storage peer_{};
  socklen_t peer_length_ = 0;
  UniqueFd socket_;
};

}  // namespace uringcorn::observe
