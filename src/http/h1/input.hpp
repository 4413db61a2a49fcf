// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/byte_buffer.hpp"

namespace uringcorn::http::h1 {

/// Bytes of a connection that were received and not yet consumed. They are copied here as soon as
/// they come, so that the buffer that the reactor lent is free again: what one slow connection
/// holds is its own memory.
class Input {
 public:
  /// The next bytes. A view of them stays valid until join(), whether or not they were consumed.
  std::string_view unread() const noexcept { return current_.view().substr(consumed_); }
  bool empty() const noexcept { return consumed_ == current_.size() && ahead_.empty(); }
  void consume(std::size_t bytes) noexcept {
    assert(bytes <= current_.size() - consumed_);
    consumed_ += bytes;
  }

  /// Takes received bytes. Those before stay where they are.
  void append(std::string_view bytes) { ahead_.append(bytes); }
  /// Whether there are bytes that join() would make part of unread().
  bool has_ahead() const noexcept { return !ahead_.empty(); }
  /// Makes all that was received part of unread(). Ends the views that were taken of it. False:
  /// there was nothing more.
  bool join() {
    if (ahead_.empty()) {
      return false;
    }
    current_.drop_front(consumed_);
    consumed_ = 0;
    if (current_.empty()) {
      std::swap(current_, ahead_);
    } else {
      current_.append(ahead_.view());
    }
    ahead_.clear();
    return true;
  }

  /// Forgets everything, and gives back memory beyond `bytes_kept` of each buffer.
  void reset(std::size_t bytes_kept) noexcept {
    consumed_ = 0;
    for (ByteBuffer* buffer : {&current_, &ahead_}) {
      buffer->clear();
      if (buffer->capacity() > bytes_kept) {
        buffer->release();
      }
    }
  }

 private:
  ByteBuffer current_;
  ByteBuffer ahead_;
  std::size_t consumed_ = 0;
};

}  // namespace uringcorn::http::h1
