// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace uringcorn::http::h1 {

// Searches that look at 16 bytes at a time where every processor of the architecture has such
// registers (SSE2, NEON), at one elsewhere. A browser's request head is parsed more than twice as
// fast with them; AVX2 gains nothing more, lines are too short. None reads outside [begin, end).

/// What the searches look for, told for one byte and for many at a time.
struct ControlByte {
  /// Controls other than HTAB: what may not stand inside any line of a head.
  static constexpr bool matches(unsigned char c) noexcept {
    return (c < 0x20 && c != '\t') || c == 0x7f;
  }
#if defined(__SSE2__)
  static __m128i matches(__m128i bytes) noexcept {
    const __m128i highest = _mm_set1_epi8(0x1f);
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest), bytes);
    const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return _mm_or_si128(_mm_andnot_si128(tab, low), del);
  }
#elif defined(__aarch64__)
  static uint8x16_t matches(uint8x16_t bytes) noexcept {
    const uint8x16_t low = vcltq_u8(bytes, vdupq_n_u8(0x20));
    const uint8x16_t tab = vceqq_u8(bytes, vdupq_n_u8('\t'));
    const uint8x16_t del = vceqq_u8(bytes, vdupq_n_u8(0x7f));
    return vorrq_u8(vbicq_u8(low, tab), del);
  }
#endif
};

struct NotTargetByte {
  /// What no request target may have: controls, SP, "#" and 8-bit bytes.
  static constexpr bool matches(unsigned char c) noexcept {
    return c <= 0x20 || c >= 0x7f || c == '#';
  }
#if defined(__SSE2__)
  static __m128i matches(__m128i bytes) noexcept {
    // As signed numbers the 8-bit bytes are below SP too.
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x21));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
    return _mm_or_si128(low, _mm_or_si128(del, hash));
  }
#elif defined(__aarch64__)
  static uint8x16_t matches(uint8x16_t bytes) noexcept {
    const uint8x16_t low = vcleq_u8(bytes, vdupq_n_u8(0x20));
    const uint8x16_t high = vcgeq_u8(bytes, vdupq_n_u8(0x7f));
    const uint8x16_t hash = vceqq_u8(bytes, vdupq_n_u8('#'));
    return vorrq_u8(low, vorrq_u8(high, hash));
  }
#endif
};

namespace scan_detail {

template <typename Class>
const char* find_byte_by_byte(const char* begin, const char* end) noexcept {
  while (begin != end && !Class::matches(static_cast<unsigned char>(*begin))) {
    ++begin;
  }
  return begin;
}

#if defined(__SSE2__) || defined(__aarch64__)

constexpr std::ptrdiff_t k_block = 16;

/// One mark for each matching byte, in the order of the bytes; `k_bits_per_mark` bits each.
#if defined(__SSE2__)
using Marks = std::uint32_t;
constexpr int k_bits_per_mark = 1;
template <typename Class>
Marks marks_at(const char* position) noexcept {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(position));
  return static_cast<Marks>(_mm_movemask_epi8(Class::matches(bytes)));
}
#else
using Marks = std::uint64_t;
constexpr int k_bits_per_mark = 4;
template <typename Class>
Marks marks_at(const char* position) noexcept {
  const uint8x16_t bytes = vld1q_u8(reinterpret_cast<const std::uint8_t*>(position));
  const uint16x8_t wide = vreinterpretq_u16_u8(Class::matches(bytes));
  return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(wide, 4)), 0);
}
#endif

#endif

}  // namespace scan_detail

/// The first byte of [begin, end) in `Class`, or `end`.
template <typename Class>
inline const char* find_first(const char* begin, const char* end) noexcept {
#if defined(__SSE2__) || defined(__aarch64__)
  using namespace scan_detail;
  while (end - begin >= k_block) {
    const Marks marks = marks_at<Class>(begin);
    if (marks != 0) {
      return begin + std::countr_zero(marks) / k_bits_per_mark;
    }
    begin += k_block;
  }
#endif
  return scan_detail::find_byte_by_byte<Class>(begin, end);
}

}  // namespace uringcorn::http::h1
