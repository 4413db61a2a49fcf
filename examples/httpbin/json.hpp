// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace httpbin {

/// Appends `text` to `out` as a JSON string in quotes (RFC 8259, 7). What is not UTF-8 becomes
/// U+FFFD, so that the result is always valid.
void append_json_string(std::string& out, std::string_view text);

/// Whether `text` is UTF-8 (RFC 3629) throughout.
bool is_utf8(std::string_view text);

/// Writes one JSON value, member by member, indented for human readers.
///
///     JsonWriter json;
///     json.begin_object();
///     json.member("origin").string("192.0.2.7");
///     json.end_object();
///     Response::json(json.take());
class JsonWriter {
 public:
  enum class Layout : std::uint8_t { indented, one_line };

  explicit JsonWriter(Layout layout = Layout::indented) : layout_(layout) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  /// The name of the value that follows.
  JsonWriter& member(std::string_view name);

  JsonWriter& string(std::string_view text);
  JsonWriter& number(std::int64_t value) { return raw(std::to_string(value)); }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  /// `json` is a JSON value already.
  JsonWriter& raw(std::string_view json);

  /// The whole text, which ends in a line feed.
  std::string take() {
    text_ += '\n';
    return std::move(text_);
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void begin_value();
  void break_line();

  Layout layout_;
  std::string text_;
  int depth_ = 0;
  bool is_first_ = true;  // nothing stands yet in the innermost object or array
  bool after_name_ = false;
};

}  // namespace httpbin
