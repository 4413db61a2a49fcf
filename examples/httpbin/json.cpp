// SPDX-License-Identifier: MIT
#include "json.hpp"

#include <cstddef>

#include <fmt/format.h>

namespace httpbin {
namespace {

constexpr std::string_view k_replacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::size_t k_indent = 2;

unsigned byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

/// The length of the UTF-8 sequence at the start of `text`, which is not empty; 0: it is none.
std::size_t sequence_length(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) {
    return 0;
  }
  // No longer form than needed, no surrogates, nothing beyond U+10FFFF.
  const unsigned second = byte_at(text, 1);
  const unsigned lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) {
    return 0;
  }
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  return length;
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (c < ' ' || c == '\x7f') {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out += c;
      }
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 1) {
      append_ascii(out, text.front());
    } else {
      out += length == 0 ? k_replacement : text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

void JsonWriter::break_line() {
  if (layout_ == Layout::indented) {
    text_ += '\n';
    text_.append(static_cast<std::size_t>(depth_) * k_indent, ' ');
  }
}

void JsonWriter::begin_value() {
  if (after_name_) {
    after_name_ = false;
    return;
  }
  if (!is_first_) {
    text_ += layout_ == Layout::indented ? "," : ", ";
  }
  is_first_ = false;
  if (depth_ > 0) {
    break_line();
  }
}

JsonWriter& JsonWriter::open(char bracket) {
  begin_value();
  text_ += bracket;
  depth_++;
  is_first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  depth_--;
  if (!is_first_) {
    break_line();
  }
  is_first_ = false;
  text_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::member(std::string_view name) {
  begin_value();
  append_json_string(text_, name);
  text_ += ": ";
  after_name_ = true;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  begin_value();
  append_json_string(text_, text);
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  begin_value();
  text_ += json;
  return *this;
}

}  // namespace httpbin
