// SPDX-License-Identifier: MIT
#include "http/h1/output.hpp"

namespace uringcorn::http::h1 {

Task<void> Output::until_free() {
  while (busy_) {
    free_.reset();
    const bool is_free = co_await free_.wait();
    if (!is_free) {
      throw Cancelled();
    }
  }
}

Task<net::IoStatus> Output::flush() {
  if (status_ == net::IoStatus::ok && !buffer_.empty()) {
    busy_ = true;
    status_ = co_await stream_.send(buffer_.view(), write_timeout_);
    busy_ = false;
    free_.set();
  }
  buffer_.clear();
  co_return status_;
}

Task<net::IoStatus> Output::flush(std::string_view bytes) {
  if (bytes.size() <= k_copy_max) {
    buffer_.append(bytes);
    const net::IoStatus status = co_await flush();
    co_return status;
  }
  const net::IoStatus status = co_await flush();
  if (status == net::IoStatus::ok) {
    busy_ = true;
    status_ = co_await stream_.send(bytes, write_timeout_);
    busy_ = false;
    free_.set();
  }
  co_return status_;
}

}  // namespace uringcorn::http::h1
