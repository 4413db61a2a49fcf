// SPDX-License-Identifier: MIT
#include "base/sha1.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

namespace uringcorn {
namespace {

constexpr std::size_t k_block = 64;
constexpr std::size_t k_length_bytes = 8;

using State = std::array<std::uint32_t, 5>;

std::uint32_t load_big_endian(const std::uint8_t* from) noexcept {
  return std::uint32_t{from[0]} << 24 | std::uint32_t{from[1]} << 16 | std::uint32_t{from[2]} << 8 |
         std::uint32_t{from[3]};
}

/// RFC 3174 section 5: the function of a step, and its constant.
std::uint32_t mix(unsigned step, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
  switch (step / 20) {
    case 0:
      return ((b & c) | (~b & d)) + 0x5a827999u;
    case 1:
      return (b ^ c ^ d) + 0x6ed9eba1u;
    case 2:
      return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    default:
      return (b ^ c ^ d) + 0xca62c1d6u;
  }
}

void add_block(State& state, const std::uint8_t* block) noexcept {
  std::array<std::uint32_t, 80> words;
  for (unsigned i = 0; i < 16; ++i) {
    words[i] = load_big_endian(block + std::size_t{4} * i);
  }
  for (unsigned i = 16; i < 80; ++i) {
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (unsigned i = 0; i < 80; ++i) {
    const std::uint32_t next = std::rotl(a, 5) + mix(i, b, c, d) + e + words[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

}  // namespace

std::array<std::uint8_t, 20> sha1(std::string_view bytes) noexcept {
  State state{0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  while (bytes.size() >= k_block) {
    add_block(state, reinterpret_cast<const std::uint8_t*>(bytes.data()));
    bytes.remove_prefix(k_block);
  }
  // The rest, a one bit, zeros, and the length: in one block, or in two.
  std::array<std::uint8_t, 2 * k_block> tail{};
  if (!bytes.empty()) {
    std::memcpy(tail.data(), bytes.data(), bytes.size());
  }
  tail[bytes.size()] = 0x80;
  const std::size_t tail_size =
      bytes.size() + 1 + k_length_bytes <= k_block ? k_block : 2 * k_block;
  for (std::size_t i = 0; i < k_length_bytes; ++i) {
    tail[tail_size - 1 - i] = static_cast<std::uint8_t>(bits >> (8 * i));
  }
  for (std::size_t at = 0; at < tail_size; at += k_block) {
    add_block(state, tail.data() + at);
  }
  std::array<std::uint8_t, 20> digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace uringcorn
