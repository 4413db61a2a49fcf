// SPDX-License-Identifier: MIT
#include "app/pattern.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "http/percent.hpp"

namespace uringcorn::app {
namespace {

using Kind = PatternSegment::Kind;

[[noreturn]] void refuse(std::string_view pattern, std::string_view reason) {
  throw std::invalid_argument(
      fmt::format("the route pattern \"{}\" is malformed: {}", pattern, reason));
}

bool is_name(std::string_view text) noexcept {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view digits = "0123456789";
  return !text.empty() && letters.find(text.front()) != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return letters.find(c) != std::string_view::npos ||
                  digits.find(c) != std::string_view::npos;
         });
}

PatternSegment parse_braces(std::string_view pattern, std::string_view segment) {
  std::string_view name = segment.substr(1, segment.size() - 2);
  Kind kind = Kind::parameter;
  if (name.ends_with("...")) {
    kind = Kind::rest;
    name.remove_suffix(3);
  }
  if (!is_name(name)) {
    refuse(pattern, "a parameter is {name} or {name...}, its name letters, digits and _");
  }
  return {kind, std::string(name)};
}

PatternSegment parse_segment(std::string_view pattern, std::string_view segment) {
  if (segment.size() >= 2 && segment.front() == '{' && segment.back() == '}') {
    return parse_braces(pattern, segment);
  }
  if (segment.find_first_of("{}") != std::string_view::npos) {
    refuse(pattern, "a parameter in braces must be a whole segment");
  }
  const bool has_control = std::any_of(segment.begin(), segment.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
  if (has_control || segment.find_first_of("?#") != std::string_view::npos) {
    refuse(pattern, "a path has no \"?\", \"#\" or control character");
  }
  std::string decoded(segment);
  if (http::decode_percent(segment, decoded.data(), http::PlusSign::literal) != segment.size()) {
    refuse(pattern, "write it decoded, without percent-escapes");
  }
  return {Kind::literal, std::string(segment)};
}

void check_order(std::string_view pattern, const std::vector<PatternSegment>& segments) {
  std::vector<std::string_view> names;
  for (const PatternSegment& segment : segments) {
    if (segment.kind == Kind::literal) {
      if (segment.text.empty() && &segment != &segments.back()) {
        refuse(pattern, "it has two slashes in a row");
      }
      continue;
    }
    if (segment.kind == Kind::rest && &segment != &segments.back()) {
      refuse(pattern, "{name...} may stand only at the end");
    }
    if (std::find(names.begin(), names.end(), segment.text) != names.end()) {
      refuse(pattern, "it has two parameters of the same name");
    }
    names.emplace_back(segment.text);
  }
  if (segments.size() > k_pattern_segments_max || names.size() > k_pattern_parameters_max) {
    refuse(pattern, fmt::format("it has more than {} segments or {} parameters",
                                k_pattern_segments_max, k_pattern_parameters_max));
  }
}

}  // namespace

std::vector<PatternSegment> parse_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) {
    refuse(pattern, "it must begin with a slash");
  }
  std::vector<PatternSegment> segments;
  std::string_view rest = pattern;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    segments.push_back(parse_segment(pattern, segment));
    rest.remove_prefix(segment.size());
  }
  check_order(pattern, segments);
  return segments;
}

}  // namespace uringcorn::app
