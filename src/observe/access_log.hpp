// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/access_log_format.hpp"
#include "observe/syslog.hpp"

namespace uringcorn::observe {

struct AccessLogOptions {
  std::string file;    // `-`: standard output; empty: none
  std::string format;  // as `AccessLogFormat` takes it
  std::optional<SyslogOptions> syslog = {};
};

/// The access log of one worker, which goes to a file, to a syslog daemon, or to both. Records
/// gather in a bounded buffer for each, which is handed in one piece to a thread that writes it; no
/// call here ever waits for a disk or a reader. When a destination is so slow that its buffer is
/// full, records are dropped there and counted, and the error log says when that begins and, once
/// it is over, how many are missing.
///
/// Belongs to the worker's thread, and is made in the worker: threads do not survive a fork.
class AccessLog {
 public:
  /// Bytes that may wait for the batch under way, which is at most as large: at 100,000 requests
  /// per second, what a stall of some 300 ms needs.
  static constexpr std::size_t k_buffer_bytes = 4 << 20;
  /// A batch so large is handed on at once, a smaller one so long after the one before.
  static constexpr std::size_t k_batch_bytes = 32 << 10;
  static constexpr std::chrono::milliseconds k_batch_interval{200};

  /// Throws `std::system_error` and `std::invalid_argument`.
  explicit AccessLog(const AccessLogOptions& options, std::size_t buffer_bytes = k_buffer_bytes);
  /// Hands on what is left and waits for it, but not for much longer than a second.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// Formats the record into the buffers. Allocates nothing once the buffers have grown to the
  /// load.
  void record(const AccessRecord& record);

  /// Hands a small batch on when it is time. To be called at least once a second, and as often as
  /// in every turn of the reactor: it costs a comparison when there is nothing to do.
  void turn(std::chrono::steady_clock::time_point now);

  /// Hands the batches on now, where the one before is written.
  void flush();

  /// Opens the file by its name again, as after a rotation; what was recorded before may still go
  /// to the old one.
  void reopen();

  /// Records that were never written, in all and everywhere.
  std::uint64_t dropped() const;

 private:
  class Branch;

  AccessLogFormat format_;
  std::vector<Branch> branches_;
  std::string line_;
  std::chrono::steady_clock::time_point last_turn_;  // that handed a batch on
};

}  // namespace uringcorn::observe
