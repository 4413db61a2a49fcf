// SPDX-License-Identifier: MIT
#include "http/request_arena.hpp"

namespace uringcorn::http {

char* RequestArena::allocate(std::size_t bytes) {
  constexpr std::size_t k_alignment = alignof(std::max_align_t);
  const std::size_t rounded = (bytes + k_alignment - 1) / k_alignment * k_alignment;
  if (rounded <= own_.size() - used_) {
    char* const place = own_.data() + used_;
    used_ += rounded;
    return place;
  }
  more_.push_back(std::make_unique_for_overwrite<char[]>(rounded));
  return more_.back().get();
}

void RequestArena::reset() noexcept {
  used_ = 0;
  more_.clear();
}

}  // namespace uringcorn::http
