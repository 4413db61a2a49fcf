// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace uringcorn::tests {

/// What the calling thread asked of the allocator (operator new and delete). Zeros where a
/// sanitizer has its own allocator: see counts_allocations().
struct Allocations {
  std::uint64_t count = 0;        ///< calls of operator new
  std::ptrdiff_t live_bytes = 0;  ///< allocated and not freed, with the allocator's rounding
};
const Allocations& allocations() noexcept;
bool counts_allocations() noexcept;

}  // namespace uringcorn::tests
