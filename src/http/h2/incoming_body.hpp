// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/byte_buffer.hpp"
#include "http/body_error.hpp"

namespace uringcorn::http::h2 {

/// The body of a request between the connection and the handler that reads it. What waits here is
/// bounded by the stream's window: the peer is given credit only for what was read.
class IncomingBody {
 public:
  /// Begins a body of `length` bytes, or of unknown length. `bytes_max` bounds it; 0: no bound.
  void begin(bool present, std::optional<std::uint64_t> length, std::uint64_t bytes_max) noexcept {
    ended_ = !present;
    length_ = length;
    bytes_allowed_ = bytes_max == 0 ? std::numeric_limits<std::uint64_t>::max() : bytes_max;
    error_ = length.value_or(0) > bytes_allowed_ ? BodyError::too_large : BodyError::none;
  }
  /// Forgets everything, and gives back memory beyond `bytes_kept`.
  void reset(std::size_t bytes_kept) noexcept {
    for (ByteBuffer* buffer : {&coming_, &current_}) {
      buffer->clear();
      if (buffer->capacity() > bytes_kept) {
        buffer->release();
      }
    }
    received_ = 0;
    ended_ = false;
    error_ = BodyError::none;
  }

  /// Takes what came. False: it is more than was announced.
  bool append(std::string_view bytes) {
    received_ += bytes.size();
    if (length_ && received_ > *length_) {
      return false;
    }
    if (received_ > bytes_allowed_) {
      fail(BodyError::too_large);
    }
    if (!failed()) {
      coming_.append(bytes);
    }
    return true;
  }
  /// The peer has sent everything. False: it is less than was announced.
  bool end() noexcept {
    ended_ = true;
    return !length_ || received_ == *length_;
  }
  /// Gives the body up: what waits is of no use any more.
  void fail(BodyError error) noexcept { error_ = error; }

  /// All that came since the last call; valid until the next. Empty: nothing did.
  std::string_view next() noexcept {
    current_.clear();
    std::swap(current_, coming_);
    return current_.view();
  }
  /// What the last next() gave, to be written to.
  std::span<char> last() noexcept { return {current_.data(), current_.size()}; }
  /// The bytes that the last next() gave, and the reader is done with at the following one.
  std::size_t lent() const noexcept { return current_.size(); }

  /// Gives the memory back that holds nothing; what the last next() gave holds nothing any more.
  void release() noexcept {
    current_.release();
    if (coming_.empty()) {
      coming_.release();
    }
  }

  /// Forgets what waits and what was lent; gives how much it was.
  std::size_t discard() noexcept {
    const std::size_t size = coming_.size() + current_.size();
    coming_.clear();
    current_.clear();
    return size;
  }

  bool has_more() const noexcept { return !coming_.empty(); }
  bool begun() const noexcept { return received_ > 0; }
  bool ended() const noexcept { return ended_; }
  bool failed() const noexcept { return error_ != BodyError::none; }
  BodyError error() const noexcept { return error_; }

 private:
  ByteBuffer coming_;
  ByteBuffer current_;
  std::optional<std::uint64_t> length_;
  std::uint64_t received_ = 0;
  std::uint64_t bytes_allowed_ = 0;
  BodyError error_ = BodyError::none;
  bool ended_ = false;
};

}  // namespace uringcorn::http::h2
