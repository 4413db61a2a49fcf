// SPDX-License-Identifier: MIT
#include "http/h1/output.hpp"

#include <utility>

namespace uringcorn::http::h1 {

void Output::attach(net::Stream& stream, Clock::duration stall_timeout) noexcept {
  stream_ = &stream;
  stall_timeout_ = stall_timeout;
  status_ = net::IoStatus::ok;
}

void Output::detach(std::size_t bytes_kept) noexcept {
  stream_ = nullptr;
  for (ByteBuffer* buffer : {&buffer_, &in_flight_}) {
    buffer->clear();
    if (buffer->capacity() > bytes_kept) {
      buffer->release();
    }
  }
}

void Output::fail(net::IoStatus status) noexcept {
  status_ = status;
  buffer_.clear();
}

bool Output::try_flush() noexcept {
  if (sending_) {
    return false;
  }
  if (status_ != net::IoStatus::ok) {
    buffer_.clear();
  }
  if (buffer_.empty()) {
    return true;
  }
  const std::ptrdiff_t sent = stream_->try_send(buffer_.view());
  if (sent < 0) {
    fail(net::IoStatus::broken);
    return true;
  }
  buffer_.drop_front(static_cast<std::size_t>(sent));
  return buffer_.empty();
}

Task<net::IoStatus> Output::flush() {
  if (sending_) {
    co_return status_;
  }
  while (!try_flush()) {
    std::swap(buffer_, in_flight_);
    sending_ = true;
    const net::IoStatus status = co_await stream_->send(in_flight_.view(), stall_timeout_);
    in_flight_.clear();
    sending_ = false;
    sent_.set();
    if (status != net::IoStatus::ok) {
      fail(status);
    }
  }
  co_return status_;
}

Task<net::IoStatus> Output::flush_and_send(std::string_view bytes) {
  const bool is_my_turn = co_await wait_for_turn();
  if (!is_my_turn) {
    co_return net::IoStatus::cancelled;
  }
  const net::IoStatus flushed = co_await flush();
  if (flushed != net::IoStatus::ok) {
    co_return flushed;
  }
  sending_ = true;
  const net::IoStatus sent = co_await stream_->send(bytes, stall_timeout_);
  sending_ = false;
  sent_.set();
  if (sent != net::IoStatus::ok) {
    fail(sent);
  }
  co_return sent;
}

Task<bool> Output::wait_for_turn() {
  while (sending_) {
    sent_.reset();
    const bool is_over = co_await sent_.wait();
    if (!is_over) {
      co_return false;
    }
  }
  co_return true;
}

}  // namespace uringcorn::http::h1
