// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "http/ws/protocol.hpp"

namespace uringcorn::http::ws {

using MaskingKey = std::array<char, k_mask_bytes>;

/// Masks, or unmasks, `bytes` in place: the piece of a payload that begins `offset` bytes into it
/// (RFC 6455, section 5.3).
inline void apply_mask(std::span<char> bytes, MaskingKey key, std::uint64_t offset) noexcept {
  MaskingKey turned;
  for (std::size_t i = 0; i < k_mask_bytes; ++i) {
    turned[i] = key[(offset + i) % k_mask_bytes];
  }
  const auto half = std::bit_cast<std::uint32_t>(turned);
  const std::uint64_t mask = std::uint64_t{half} << 32 | half;
  char* at = bytes.data();
  std::size_t left = bytes.size();
  // Clang makes wider vectors of this loop where the machine has them.
  for (; left >= sizeof(mask); at += sizeof(mask), left -= sizeof(mask)) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    word ^= mask;
    std::memcpy(at, &word, sizeof(word));
  }
  for (std::size_t i = 0; i < left; ++i) {
    at[i] = static_cast<char>(at[i] ^ turned[i % k_mask_bytes]);
  }
}

}  // namespace uringcorn::http::ws
