// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "http/field_rules.hpp"

namespace uringcorn::http {

/// Whether it is a field that says how the answer is framed or what becomes of the connection: the
/// server's to tell, so an application's are left out.
constexpr bool is_framing_field(std::string_view name) noexcept {
  switch (name.size()) {
    case 10:
      return equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "keep-alive");
    case 14:
      return equals_ignoring_case(name, "content-length");
    case 17:
      return equals_ignoring_case(name, "transfer-encoding");
    default:
      return false;
  }
}

/// Whether an answer with that status never has a body (RFC 9110 section 6.4.1).
constexpr bool has_no_body(int status) noexcept {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace uringcorn::http
