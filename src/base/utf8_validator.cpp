// SPDX-License-Identifier: MIT
#include "base/utf8_validator.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace uringcorn {
namespace {

// A state is the place of its bits in a row: what follows it is the row of the next byte, shifted
// by it. So a byte costs a load and a shift, and no branch.
constexpr unsigned k_state_bits = 6;
constexpr std::uint64_t k_state_mask = (1u << k_state_bits) - 1;

enum State : std::uint8_t {
  between = Utf8Validator::k_between_characters,
  one_more = 1 * k_state_bits,
  two_more = 2 * k_state_bits,
  three_more = 3 * k_state_bits,
  after_e0 = 4 * k_state_bits,
  after_ed = 5 * k_state_bits,
  after_f0 = 6 * k_state_bits,
  after_f4 = 7 * k_state_bits,
  invalid = 8 * k_state_bits,
};

constexpr State first_byte(unsigned byte) {
  if (byte < 0x80) {
    return between;
  }
  if (byte < 0xc2 || byte > 0xf4) {
    return invalid;
  }
  if (byte < 0xe0) {
    return one_more;
  }
  if (byte < 0xf0) {
    return byte == 0xe0 ? after_e0 : byte == 0xed ? after_ed : two_more;
  }
  return byte == 0xf0 ? after_f0 : byte == 0xf4 ? after_f4 : three_more;
}

constexpr State within(unsigned byte, unsigned low, unsigned high, State next) {
  return byte >= low && byte <= high ? next : invalid;
}

/// RFC 3629, section 4.
constexpr std::array<std::uint64_t, 256> k_rows = [] {
  std::array<std::uint64_t, 256> rows{};
  for (unsigned byte = 0; byte < rows.size(); ++byte) {
    const auto put = [&](State from, State to) { rows[byte] |= std::uint64_t{to} << from; };
    put(between, first_byte(byte));
    put(one_more, within(byte, 0x80, 0xbf, between));
    put(two_more, within(byte, 0x80, 0xbf, one_more));
    put(three_more, within(byte, 0x80, 0xbf, two_more));
    put(after_e0, within(byte, 0xa0, 0xbf, one_more));
    put(after_ed, within(byte, 0x80, 0x9f, one_more));
    put(after_f0, within(byte, 0x90, 0xbf, two_more));
    put(after_f4, within(byte, 0x80, 0x8f, two_more));
    put(invalid, invalid);
  }
  return rows;
}();

constexpr std::size_t k_stride = 16;

bool is_ascii(const char* stride) noexcept {
  std::uint64_t words[2];
  std::memcpy(words, stride, k_stride);
  return ((words[0] | words[1]) & 0x8080808080808080u) == 0;
}

}  // namespace

bool Utf8Validator::feed(std::string_view bytes) noexcept {
  std::uint64_t state = state_;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  const auto step = [&state](char byte) {
    state = k_rows[static_cast<unsigned char>(byte)] >> state & k_state_mask;
  };
  while (static_cast<std::size_t>(end - at) >= k_stride) {
    if (state == between && is_ascii(at)) {
      at += k_stride;
      continue;
    }
    for (const char* const stop = at + k_stride; at != stop; ++at) {
      step(*at);
    }
  }
  for (; at != end; ++at) {
    step(*at);
  }
  state_ = static_cast<std::uint8_t>(state);
  return state_ != invalid;
}

}  // namespace uringcorn
