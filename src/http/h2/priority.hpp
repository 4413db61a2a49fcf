// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace uringcorn::http::h2 {

/// How a client wants a response to be scheduled (RFC 9218 section 4).
struct Priority {
  static constexpr std::uint8_t k_least_urgent = 7;

  std::uint8_t urgency = 3;
  /// The response is of use piece by piece, so it shares with others of its urgency; one that is
  /// not is sent before those that came after it.
  bool incremental = false;

  bool operator==(const Priority&) const noexcept = default;
};

/// Reads the value of a Priority field: a dictionary (RFC 8941 section 3.2) in which `u` and `i`
/// count, and anything else is ignored. Nothing, if it is no dictionary; a member whose value is of
/// the wrong type or out of range has its default (RFC 9218 section 4).
std::optional<Priority> parse_priority(std::string_view value) noexcept;

}  // namespace uringcorn::http::h2
