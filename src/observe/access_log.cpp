// SPDX-License-Identifier: MIT
#include "observe/access_log.hpp"

#include <unistd.h>

#include "observe/log.hpp"

namespace uringcorn::observe {

AccessLog::AccessLog(const std::string& name, const std::string& format, std::size_t buffer_bytes)
    : format_(format),
      name_(name),
      writer_(LogFile::open(name, STDOUT_FILENO)),
      buffer_bytes_(buffer_bytes) {}

AccessLog::~AccessLog() {
  if (!pending_.empty() && !writer_.submit_last(pending_)) {
    warning("the access log ({}) is too slow: its last lines are given up", name_);
  }
}

void AccessLog::record(const AccessRecord& record) {
  if (pending_.size() >= k_batch_bytes) {
    flush();
  }
  if (pending_.size() < buffer_bytes_) {
    format_.append(pending_, record);
    return;
  }
  if (missing_ == 0) {
    warning("the access log ({}) is too slow: requests are not logged until it catches up", name_);
  }
  ++missing_;
  ++dropped_;
}

void AccessLog::turn(std::chrono::steady_clock::time_point now) {
  if (!pending_.empty() && now - last_turn_ >= k_batch_interval) {
    last_turn_ = now;
    flush();
  }
}

void AccessLog::flush() {
  if (pending_.empty() || !writer_.submit(pending_)) {
    return;
  }
  if (missing_ > 0) {
    warning("{} requests are missing in the access log ({})", missing_, name_);
    missing_ = 0;
  }
}

}  // namespace uringcorn::observe
