// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "observe/access_log_format.hpp"
#include "observe/log_writer.hpp"

namespace uringcorn::observe {

/// The access log of one worker. Records gather in a bounded buffer, which is handed in one piece
/// to a thread that writes it; no call here ever waits for a disk or a reader. When the file is so
/// slow that the buffer is full, records are dropped and counted, and the error log says when that
/// begins and, once it is over, how many are missing.
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

  /// `name` is a file, or `-` for standard output; `format` as `AccessLogFormat` takes it. Throws
  /// `std::system_error` and `std::invalid_argument`.
  AccessLog(const std::string& name, const std::string& format,
            std::size_t buffer_bytes = k_buffer_bytes);
  /// Hands on what is left and waits for it, but not for much longer than a second.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// Formats the record into the buffer. Allocates nothing once the buffers have grown to the load.
  void record(const AccessRecord& record);

  /// Hands a small batch on when it is time. To be called at least once a second, and as often as
  /// in every turn of the reactor: it costs a comparison when there is nothing to do.
  void turn(std::chrono::steady_clock::time_point now);

  /// Hands the batch on now, if the one before is written.
  void flush();

  /// Opens the file by its name again, as after a rotation; what was recorded before may still go
  /// to the old one.
  void reopen() { writer_.reopen(); }

  /// Records that were never written, in all.
  std::uint64_t dropped() const { return dropped_; }

 private:
  AccessLogFormat format_;
  std::string name_;
  LogWriter writer_;
  std::size_t buffer_bytes_;
  std::string pending_;
  std::chrono::steady_clock::time_point last_turn_;  // that handed a batch on
  std::uint64_t dropped_ = 0;
  std::uint64_t missing_ = 0;  // dropped since the error log told the number
};

}  // namespace uringcorn::observe
