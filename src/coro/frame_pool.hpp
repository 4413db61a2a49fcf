// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace uringcorn::coro {

/// The frames that this thread made, less those that it freed (so with frames that move between
/// threads, only the sum over all threads means something).
std::ptrdiff_t live_frames() noexcept;

/// Gives the memory that this thread's pool keeps for reuse back to the allocator. A thread that
/// ran coroutines calls it before it ends.
void release_pooled_frames() noexcept;

}  // namespace uringcorn::coro
