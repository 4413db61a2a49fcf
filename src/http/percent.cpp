// SPDX-License-Identifier: MIT
#include "http/percent.hpp"

#include "http/field_rules.hpp"

namespace uringcorn::http {
namespace {

constexpr int k_not_an_escape = -1;

int digit_value(char c) noexcept {
  return is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10;
}

/// The byte that the escape at `position` stands for; text[position] is "%".
int escaped_byte(std::string_view text, std::size_t position) noexcept {
  if (text.size() - position < 3 || !is_in_class(text[position + 1], k_hex_digit) ||
      !is_in_class(text[position + 2], k_hex_digit)) {
    return k_not_an_escape;
  }
  return digit_value(text[position + 1]) * 16 + digit_value(text[position + 2]);
}

}  // namespace

std::size_t decode_percent(std::string_view text, char* out, PlusSign plus) noexcept {
  char* const start = out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int byte = escaped_byte(text, i);
      if (byte != k_not_an_escape) {
        c = static_cast<char>(byte);
        i += 2;
      }
    } else if (c == '+' && plus == PlusSign::space) {
      c = ' ';
    }
    *out++ = c;
  }
  return static_cast<std::size_t>(out - start);
}

bool is_well_escaped(std::string_view text) noexcept {
  for (std::size_t i = text.find('%'); i != std::string_view::npos; i = text.find('%', i + 1)) {
    if (escaped_byte(text, i) <= 0) {
      return false;
    }
  }
  return true;
}

}  // namespace uringcorn::http
