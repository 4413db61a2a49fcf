// SPDX-License-Identifier: MIT
#include "base/escape.hpp"

#include <algorithm>

namespace uringcorn {

namespace {

constexpr char k_hex[] = "0123456789abcdef";

void append_hex_byte(std::string& out, unsigned char byte) {
  out += {'\\', 'x', k_hex[byte >> 4], k_hex[byte & 15]};
}

// Printable ASCII that means nothing in a quoted string; most text is only that.
bool is_plain(char c) {
  return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

// Moves what stands before the first other byte from `text` to `out`.
template <typename IsPlain>
void move_plain(std::string& out, std::string_view& text, IsPlain is_plain_here) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_plain_here);
  out.append(text.begin(), end);
  text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
}

// U+0080 to U+009F, which some terminals obey: C2 followed by the same value.
bool is_c1_control(std::string_view sequence) {
  return sequence.size() == 2 && sequence[0] == '\xc2' &&
         static_cast<unsigned char>(sequence[1]) < 0xa0;
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) {
    return 1;
  }
  // The second byte's range is what excludes overlong forms, surrogates and code points past
  // 10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  std::size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    low = lead == 0xe0 ? 0xa0 : low;
    high = lead == 0xed ? 0x9f : high;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    low = lead == 0xf0 ? 0x90 : low;
    high = lead == 0xf4 ? 0x8f : high;
  } else {
    return 0;
  }
  if (text.size() < length || at(1) < low || at(1) > high) {
    return 0;
  }
  const auto is_continuation = [](char byte) { return (byte & 0xc0) == 0x80; };
  return std::all_of(text.begin() + 2, text.begin() + length, is_continuation) ? length : 0;
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const auto lead = static_cast<unsigned char>(text[0]);
    if (length == 0 || lead < 0x20 || lead == 0x7f) {
      append_hex_byte(out, lead);
      text.remove_prefix(1);
    } else if (is_c1_control(text.substr(0, length))) {
      append_hex_byte(out, lead);
      append_hex_byte(out, static_cast<unsigned char>(text[1]));
      text.remove_prefix(2);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
}

std::string escaped(std::string_view text, std::size_t limit) {
  std::string out;
  append_escaped(out, text.substr(0, limit));
  if (text.size() > limit) {
    out += "...";
  }
  return out;
}

void append_printable(std::string& out, std::string_view text, bool keep_blanks) {
  const auto is_kept = [keep_blanks](char c) { return is_plain(c) && (c != ' ' || keep_blanks); };
  for (move_plain(out, text, is_kept); !text.empty(); move_plain(out, text, is_kept)) {
    append_hex_byte(out, static_cast<unsigned char>(text[0]));
    text.remove_prefix(1);
  }
}

void append_json_escaped(std::string& out, std::string_view text) {
  for (move_plain(out, text, is_plain); !text.empty(); move_plain(out, text, is_plain)) {
    const std::size_t length = utf8_sequence_length(text);
    const auto lead = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += "\\ufffd";
    } else if (lead == '"' || lead == '\\') {
      out += {'\\', text[0]};
    } else if (lead < 0x20 || lead == 0x7f || is_c1_control(text.substr(0, length))) {
      const auto code = static_cast<unsigned char>(text[length - 1]);
      out += {'\\', 'u', '0', '0', k_hex[code >> 4], k_hex[code & 15]};
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

}  // namespace uringcorn
