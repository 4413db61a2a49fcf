// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

namespace uringcorn {

/// While it exists, signal handlers that ask for it (SA_ONSTACK) run on a stack of its own in the
/// thread that made it, and so even when that thread's stack is used up. A thread that has such a
/// stack already keeps that.
class AlternateStack {
 public:
  AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack();

 private:
  static constexpr std::size_t k_bytes = 64 * 1024;

  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace uringcorn
