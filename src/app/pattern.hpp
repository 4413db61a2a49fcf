// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace uringcorn::app {

constexpr std::size_t k_pattern_segments_max = 64;
constexpr std::size_t k_pattern_parameters_max = 16;

/// What stands between two slashes of a pattern; see RouteGroup for the meaning.
struct PatternSegment {
  enum class Kind : std::uint8_t { literal, parameter, rest };

  Kind kind = Kind::literal;
  std::string text;  ///< the literal, or the name
};

/// The segments of a pattern that begins with a slash; "/" has one, an empty literal. Throws
/// std::invalid_argument, with a sentence that quotes the pattern, when it is malformed or beyond
/// the limits above.
std::vector<PatternSegment> parse_pattern(std::string_view pattern);

}  // namespace uringcorn::app
