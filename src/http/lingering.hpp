// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>

namespace uringcorn::http {

/// How long a client that was told the end may go on sending, and how much, so that it sees the
/// last answer.
inline constexpr std::chrono::seconds k_linger_time{5};
inline constexpr std::size_t k_linger_bytes_max = 64 * 1024 * 1024;

}  // namespace uringcorn::http
