// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include "base/byte_buffer.hpp"
#include "reactor/buffer_pool.hpp"

namespace uringcorn::http::h1 {

/// The bytes that a connection received and that nobody has consumed: in the reactor's lent buffer
/// while they are worked on, in memory of its own as soon as anything waits, so that no connection
/// keeps a lent buffer from the others.
class Input {
 public:
  /// Valid until the next call that is not const.
  std::string_view bytes() const noexcept { return pending_; }
  bool empty() const noexcept { return pending_.empty(); }

  void add(reactor::Buffer buffer) {
    if (pending_.empty()) {
      lent_ = std::move(buffer);
      pending_ = lent_.bytes();
      return;
    }
    own();
    carried_.append(buffer.bytes());
    pending_ = carried_.view();
  }

  void consume(std::size_t count) noexcept {
    pending_.remove_prefix(count);
    if (pending_.empty()) {
      lent_.release();
    }
  }

  /// Gives a lent buffer back and keeps a copy. To be called before anything waits.
  void own() {
    if (lent_) {
      carried_.clear();
      carried_.append(pending_);
      lent_.release();
    } else {
      carried_.drop_front(carried_.size() - pending_.size());
    }
    pending_ = carried_.view();
  }

  void clear() noexcept {
    lent_.release();
    carried_.clear();
    pending_ = {};
  }

 private:
  reactor::Buffer lent_;
  ByteBuffer carried_;
  std::string_view pending_;
};

}  // namespace uringcorn::http::h1
