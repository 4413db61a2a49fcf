// SPDX-License-Identifier: MIT
#include "http/request_arena.hpp"

#include <algorithm>

namespace uringcorn::http {

char* RequestArena::allocate(std::size_t bytes) {
  constexpr std::size_t k_alignment = alignof(std::max_align_t);
  const std::size_t room = (bytes + k_alignment - 1) / k_alignment * k_alignment;
  if (room > left_) {
    return add_block(room);
  }
  char* const place = next_;
  next_ += room;
  left_ -= room;
  return place;
}

char* RequestArena::add_block(std::size_t bytes) {
  if (!first_) {
    const std::size_t size = std::max(bytes, first_bytes_);
    first_ = std::make_unique_for_overwrite<char[]>(size);
    first_bytes_ = size;
    next_ = first_.get() + bytes;
    left_ = size - bytes;
    return first_.get();
  }
  const std::size_t size = std::max(bytes, k_first_block_bytes);
  char* const place = more_.emplace_back(std::make_unique_for_overwrite<char[]>(size)).get();
  more_bytes_ += size;
  next_ = place + bytes;
  left_ = size - bytes;
  return place;
}

void RequestArena::reset() noexcept {
  if (!more_.empty() || first_bytes_ > k_kept_block_bytes) {
    more_.clear();
    first_.reset();
    first_bytes_ = std::min(first_bytes_ + more_bytes_, k_kept_block_bytes);
    more_bytes_ = 0;
  }
  next_ = first_.get();
  left_ = first_ ? first_bytes_ : 0;
}

}  // namespace uringcorn::http
