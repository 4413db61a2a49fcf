// SPDX-License-Identifier: MIT
#include "http/ws/outbox.hpp"

#include <utility>

namespace uringcorn::http::ws {

/// An idle WebSocket keeps no buffer.
void Outbox::forget_sent() noexcept {
  for (ByteBuffer* buffer : {&buffer_, &in_flight_}) {
    if (buffer->empty()) {
      buffer->release();
    }
  }
}

void Outbox::fail() noexcept {
  failed_ = true;
  buffer_.clear();
  in_flight_.clear();
  forget_sent();
}

bool Outbox::try_send() noexcept {
  if (failed_) {
    buffer_.clear();
  }
  if (buffer_.empty()) {
    return true;
  }
  const std::ptrdiff_t sent = transport_.try_send(buffer_.view());
  if (sent < 0) {
    fail();
    return true;
  }
  buffer_.drop_front(static_cast<std::size_t>(sent));
  if (!buffer_.empty()) {
    return false;
  }
  forget_sent();
  return true;
}

Task<void> Outbox::send_all() {
  has_sender_ = true;
  while (!try_send()) {
    std::swap(buffer_, in_flight_);
    const net::IoStatus status = co_await transport_.send(in_flight_.view(), stall_timeout_);
    in_flight_.clear();
    if (status != net::IoStatus::ok) {
      fail();
    }
    progress_.set();
  }
  has_sender_ = false;
  progress_.set();
}

Task<bool> Outbox::progress() {
  progress_.reset();
  const bool happened = co_await progress_.wait();
  co_return happened;
}

}  // namespace uringcorn::http::ws
