// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include <uringcorn/task.hpp>
#include <uringcorn/websocket.hpp>

#include "reactor/event.hpp"

namespace uringcorn::http::ws {

/// The messages that came and that the handler has not taken. Bounded by who puts them in: see
/// is_full().
class Inbox {
 public:
  explicit Inbox(std::size_t limit) noexcept : limit_(limit) {}

  bool empty() const noexcept { return first_ == std::ssize(messages_); }
  /// They take more memory than the limit: no more should be put in.
  bool is_full() const noexcept { return bytes_ > limit_; }

  void put(WebSocketMessage message) {
    messages_.push_back(std::move(message));
    bytes_ += size_of(messages_.back());
    arrived_.set();
  }
  WebSocketMessage take() noexcept {
    WebSocketMessage message = std::move(messages_[static_cast<std::size_t>(first_++)]);
    bytes_ -= size_of(message);
    if (empty()) {
      forget();
    } else if (first_ == k_taken_max) {
      messages_.erase(messages_.begin(), messages_.begin() + k_taken_max);
      first_ = 0;
    }
    if (!is_full()) {
      room_.set();
    }
    return message;
  }
  /// Throws all messages away.
  void clear() noexcept {
    forget();
    room_.set();
  }

  /// Resumes the one who waits for a message: there will be none.
  void wake() noexcept { arrived_.set(); }
  /// Wait until put() or wake(); until take() or clear(). False: the scope was cancelled.
  reactor::Event::Wait arrival() noexcept {
    arrived_.reset();
    return arrived_.wait();
  }
  reactor::Event::Wait room() noexcept {
    room_.reset();
    return room_.wait();
  }

 private:
  static constexpr std::size_t k_kept_messages = 4;
  /// So many places of messages that were taken are kept in front of the others.
  static constexpr std::ptrdiff_t k_taken_max = 64;

  static std::size_t size_of(const WebSocketMessage& message) noexcept {
    return sizeof(message) + message.data.capacity();
  }
  void forget() noexcept {
    messages_.clear();
    if (messages_.capacity() > k_kept_messages) {
      messages_.shrink_to_fit();
    }
    first_ = 0;
    bytes_ = 0;
  }

  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::ptrdiff_t first_ = 0;
  std::vector<WebSocketMessage> messages_;
  reactor::Event arrived_;
  reactor::Event room_;
};

}  // namespace uringcorn::http::ws
