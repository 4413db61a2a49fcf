// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
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

struct BodyFraming {
  bool has_body = false;  ///< a body follows the head, maybe an empty one
  std::optional<std::uint64_t> content_length = {};  ///< what Content-Length announces
};

/// Whether an answer with a body of `length` bytes, or of unknown length, may have it, and what
/// length it announces. An answer to HEAD announces the length of a body that is not sent.
constexpr BodyFraming frame_body(int status, std::optional<std::uint64_t> length, bool is_head,
                                 bool is_connect) noexcept {
  // A 2xx to CONNECT would begin a tunnel and has no framing (RFC 9110 section 9.3.6).
  if (has_no_body(status) || (is_connect && status >= 200 && status < 300)) {
    return {};
  }
  if (status == 205) {
    return {.content_length = 0};
  }
  return {.has_body = !is_head, .content_length = length};
}

}  // namespace uringcorn::http
