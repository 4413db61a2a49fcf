// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include <uringcorn/request.hpp>

namespace uringcorn::http {

/// Memory for one request at a time: a block of its own, and more from the heap for those that need
/// it. reset() ends the life of everything in it.
class RequestArena final : public detail::Arena {
 public:
  char* allocate(std::size_t bytes) override;
  void reset() noexcept;

 private:
  static constexpr std::size_t k_own_bytes = 8192;

  alignas(std::max_align_t) std::array<char, k_own_bytes> own_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> more_;
};

}  // namespace uringcorn::http
