// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include <uringcorn/fields.hpp>

#include "http/field_rules.hpp"
#include "http/head_limits.hpp"

namespace uringcorn::http::h2 {

/// The trailer section of a request: judges its fields as HTTP/1 does, and keeps them apart from
/// header fields.
class TrailerSection {
 public:
  /// `limits` must outlive it. The section is bound like the fields of a head.
  explicit TrailerSection(const HeadLimits& limits) noexcept : limits_(limits) {}

  void reset() noexcept {
    count_ = bytes_ = 0;
    is_good_ = true;
    fields_ = Fields();
  }
  void take(std::string_view name, std::string_view value) {
    constexpr std::size_t k_around_bytes = 4;  // ": " and the end of the line
    const std::size_t line_bytes = name.size() + value.size() + k_around_bytes;
    bytes_ += line_bytes;
    ++count_;
    is_good_ = is_good_ && is_token(name) && is_lower_case(name) && is_field_value(value) &&
               !is_forbidden_in_trailers(name) && count_ <= limits_.fields &&
               line_bytes <= limits_.field_size && bytes_ <= limits_.trailer_section();
    if (is_good_) {
      fields_.add(name, trim_blanks(value));
    }
  }
  bool is_good() const noexcept { return is_good_; }
  const Fields& fields() const noexcept { return fields_; }

 private:
  static bool is_lower_case(std::string_view name) noexcept {
    for (const char c : name) {
      if (to_lower(c) != c) {
        return false;
      }
    }
    return true;
  }

  const HeadLimits& limits_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  bool is_good_ = true;
  Fields fields_;
};

}  // namespace uringcorn::http::h2
