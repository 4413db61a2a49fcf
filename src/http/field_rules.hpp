// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace uringcorn::http {

// The grammar of field names, field values, lists and hosts (RFC 9110 section 5, RFC 3986
// section 3.2). HTTP/1 and HTTP/2, requests, trailers and responses all ask here, so that a byte
// that one of them refuses is refused by every other. Everything works on ASCII only and never
// allocates.

enum CharClass : std::uint8_t {
  k_token_char = 1,        // RFC 9110 section 5.6.2
  k_field_value_char = 2,  // visible ASCII, SP, HTAB, obs-text
  k_host_char = 4,         // unreserved and sub-delims of RFC 3986; "%" is checked apart
  k_target_char = 8,       // visible ASCII except "#"
  k_hex_digit = 16,
};

inline constexpr std::array<std::uint8_t, 256> k_char_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](std::string_view characters, std::uint8_t char_class) {
    for (const char c : characters) {
      classes[static_cast<unsigned char>(c)] |= char_class;
    }
  };
  constexpr std::string_view letters_and_digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  mark(letters_and_digits, k_token_char | k_host_char);
  mark("!#$%&'*+-.^_`|~", k_token_char);
  mark("-._~!$&'()*+,;=", k_host_char);
  mark("0123456789abcdefABCDEF", k_hex_digit);
  for (unsigned c = 0x20; c < 0x100; ++c) {
    if (c != 0x7f) {
      classes[c] |= k_field_value_char;
    }
  }
  classes['\t'] |= k_field_value_char;
  for (unsigned c = 0x21; c < 0x7f; ++c) {
    if (c != '#') {
      classes[c] |= k_target_char;
    }
  }
  return classes;
}();

constexpr bool is_in_class(char c, CharClass char_class) noexcept {
  return (k_char_classes[static_cast<unsigned char>(c)] & char_class) != 0;
}
constexpr bool is_token_char(char c) noexcept {
  return is_in_class(c, k_token_char);
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr bool all_in_class(std::string_view text, CharClass char_class) noexcept {
  for (const char c : text) {
    if (!is_in_class(c, char_class)) {
      return false;
    }
  }
  return true;
}

/// True for a field name, a method, a connection option, ...: one or more token characters.
constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && all_in_class(text, k_token_char);
}

/// True when `text` can stand in a field line without ending or splitting it. Surrounding blanks
/// are allowed: a recipient trims them.
constexpr bool is_field_value(std::string_view text) noexcept {
  return all_in_class(text, k_field_value_char);
}

/// `text` without the SP and HTAB around it; no other character counts as white space in HTTP.
constexpr std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

/// Compares without regard to ASCII case. `lower` is in lower case already.
constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower[i]) {
      return false;
    }
  }
  return true;
}

/// Calls `visit(element)` for each element of a comma-separated list, blanks trimmed, empty ones
/// included, until it returns false. The list must be one without quoted strings.
template <typename Visit>
constexpr void for_each_element(std::string_view list, Visit visit) {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (!visit(trim_blanks(list.substr(0, comma))) || comma == std::string_view::npos) {
      return;
    }
    list.remove_prefix(comma + 1);
  }
}

/// The value of a Content-Length field: one or more digits and nothing else, no more than
/// 2^63 - 1, so that every sum with a small number and every conversion to a signed type is safe.
std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

/// True for `uri-host [":" port]` (RFC 9110 section 7.2) with a port of at most 65535. An empty
/// text is valid: a client sends an empty Host when its target has no authority.
bool is_host_and_port(std::string_view text) noexcept;

/// As is_host_and_port, but the host must not be empty and the port must be there: what CONNECT
/// asks for (RFC 9112 section 3.2.3).
bool is_authority_form(std::string_view text) noexcept;

/// True for the fields that say how a message is framed, routed, authenticated, understood or
/// stored, and so may not come after its body (RFC 9110 section 6.5.1). `name` is in lower case.
bool is_forbidden_in_trailers(std::string_view name) noexcept;

}  // namespace uringcorn::http
