// SPDX-License-Identifier: MIT
#include "observe/access_log.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "observe/log.hpp"
#include "observe/log_file.hpp"
#include "observe/log_writer.hpp"

namespace uringcorn::observe {

/// One destination, and what waits for it.
class AccessLog::Branch {
 public:
  Branch(std::unique_ptr<LogDestination> destination, std::optional<SyslogHead> head,
         std::size_t buffer_bytes)
      : name_(destination->name()),
        writer_(std::make_unique<LogWriter>(std::move(destination))),
        head_(std::move(head)),
        buffer_bytes_(buffer_bytes) {}
  Branch(Branch&&) = default;
  Branch& operator=(Branch&&) = delete;
  ~Branch() {
    if (writer_ && !pending_.empty() && !writer_->submit_last(pending_)) {
      warning("the access log ({}) is too slow: its last lines are given up", name_);
    }
  }

  void take(std::string_view line) {
    if (pending_.size() >= k_batch_bytes) {
      flush();
    }
    if (pending_.size() < buffer_bytes_) {
      if (head_) {
        head_->append(pending_, LogLevel::info);
      }
      pending_ += line;
      return;
    }
    if (missing_ == 0) {
      warning("the access log ({}) is too slow: requests are not logged until it catches up",
              name_);
    }
    ++missing_;
    ++dropped_;
  }

  bool is_empty() const { return pending_.empty(); }

  void flush() {
    if (pending_.empty() || !writer_->submit(pending_)) {
      return;
    }
    if (missing_ > 0) {
      warning("{} requests are missing in the access log ({})", missing_, name_);
      missing_ = 0;
    }
  }

  void reopen() { writer_->reopen(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::string name_;
  std::unique_ptr<LogWriter> writer_;
  std::optional<SyslogHead> head_;
  std::size_t buffer_bytes_;
  std::string pending_;
  std::uint64_t dropped_ = 0;
  std::uint64_t missing_ = 0;  // dropped since the error log told the number
};

AccessLog::AccessLog(const AccessLogOptions& options, std::size_t buffer_bytes)
    : format_(options.format) {
  if (!options.file.empty()) {
    branches_.emplace_back(std::make_unique<LogFile>(LogFile::open(options.file, STDOUT_FILENO)),
                           std::nullopt, buffer_bytes);
  }
  if (options.syslog) {
    branches_.emplace_back(std::make_unique<SyslogSocket>(options.syslog->address),
                           SyslogHead(*options.syslog), buffer_bytes);
  }
}

AccessLog::~AccessLog() = default;

void AccessLog::record(const AccessRecord& record) {
  line_.clear();
  format_.append(line_, record);
  for (Branch& branch : branches_) {
    branch.take(line_);
  }
}

void AccessLog::turn(std::chrono::steady_clock::time_point now) {
  const auto is_empty = [](const Branch& branch) { return branch.is_empty(); };
  const bool nothing_to_do = std::all_of(branches_.begin(), branches_.end(), is_empty);
  if (!nothing_to_do && now - last_turn_ >= k_batch_interval) {
    last_turn_ = now;
    flush();
  }
}

void AccessLog::flush() {
  for (Branch& branch : branches_) {
    branch.flush();
  }
}

void AccessLog::reopen() {
  for (Branch& branch : branches_) {
    branch.reopen();
  }
}

std::uint64_t AccessLog::dropped() const {
  std::uint64_t dropped = 0;
  for (const Branch& branch : branches_) {
    dropped += branch.dropped();
  }
  return dropped;
}

}  // namespace uringcorn::observe
