// SPDX-License-Identifier: MIT
#include "settings/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/escape.hpp"
#include "settings/error.hpp"
#include "settings/value.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::size_t k_largest_file = 1 << 20;

bool is_bare_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view name) : text_(text), name_(name) {
    if (text_.starts_with("\xef\xbb\xbf")) {
      text_.remove_prefix(3);
    }
  }

  Config read() {
    require_utf8();
    Config config;
    for (skip_blank_lines(); !at_end(); skip_blank_lines()) {
      if (peek() == '[') {
        const int line = line_;
        config.tables.push_back({.name = read_table_name(), .line = line, .entries = {}});
      } else {
        add(config.tables.empty() ? config.entries : config.tables.back().entries, read_entry());
      }
    }
    return config;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw SettingsError(fmt::format("{}:{}: {}{}", name_, line_, context_, what));
  }

  void require_utf8() {
    for (std::string_view rest = text_; !rest.empty();) {
      const std::size_t length = utf8_sequence_length(rest);
      if (length == 0) {
        fail("the file is not UTF-8 here");
      }
      line_ += rest.front() == '\n' ? 1 : 0;
      rest.remove_prefix(length);
    }
    line_ = 1;
  }

  void add(std::vector<ConfigEntry>& entries, ConfigEntry entry) {
    const auto earlier = std::find_if(entries.begin(), entries.end(),
                                      [&](const auto& other) { return other.key == entry.key; });
    if (earlier != entries.end()) {
      line_ = entry.line;
      fail(fmt::format("{} is already set in line {}", escaped(entry.key), earlier->line));
    }
    entries.push_back(std::move(entry));
  }

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\n' : text_[at_]; }
  char take() {
    if (text_[at_] == '\n') {
      ++line_;
    }
    return text_[at_++];
  }
  bool accept(char c) {
    if (at_end() || text_[at_] != c) {
      return false;
    }
    take();
    return true;
  }

  void skip_blanks() {
    while (!at_end() && (peek() == ' ' || peek() == '\t')) {
      take();
    }
  }
  void skip_comment() {
    if (peek() == '#') {
      while (!at_end() && peek() != '\n') {
        take();
      }
    }
  }
  void skip_blank_lines() {
    do {
      skip_blanks();
      skip_comment();
      accept('\r');
    } while (accept('\n'));
  }

  void expect_end_of_line(std::string_view after) {
    skip_blanks();
    skip_comment();
    accept('\r');
    if (!at_end() && peek() != '\n') {
      fail(fmt::format("expected the end of the line after {}, found {}", after,
                       in_quotes(rest_of_line())));
    }
  }

  // `[[name]]`, to the end of its line.
  std::string read_table_name() {
    take();
    if (!accept('[')) {
      fail("sections are not used here: every setting is a line `key = value`");
    }
    skip_blanks();
    std::string name = read_key();
    skip_blanks();
    if (!accept(']') || !accept(']')) {
      fail(fmt::format("expected ]] after [[{}", escaped(name)));
    }
    expect_end_of_line("]]");
    return name;
  }

  ConfigEntry read_entry() {
    ConfigEntry entry{.key = read_key(), .line = line_, .is_array = false, .values = {}};
    context_ = escaped(entry.key) + ": ";
    skip_blanks();
    if (!accept('=')) {
      fail("expected = and a value after the key");
    }
    skip_blanks();
    if (accept('[')) {
      entry.is_array = true;
      read_array(entry.values);
    } else {
      entry.values.push_back(read_value());
    }
    expect_end_of_line("the value");
    context_.clear();
    return entry;
  }

  std::string read_key() {
    if (peek() == '"' || peek() == '\'') {
      return read_string();
    }
    const std::size_t start = at_;
    while (!at_end() && is_bare_key_character(peek())) {
      take();
    }
    if (at_ == start) {
      fail(fmt::format("expected `key = value`, found {}", in_quotes(rest_of_line())));
    }
    return std::string(text_.substr(start, at_ - start));
  }

  void read_array(std::vector<ConfigValue>& values) {
    const int opened = line_;
    for (skip_blank_lines(); !accept(']'); skip_blank_lines()) {
      if (at_end()) {
        line_ = opened;
        fail("the array that begins here is not closed with ]");
      }
      values.push_back(read_value());
      skip_blank_lines();
      if (!accept(',') && !at_end() && peek() != ']') {
        fail(fmt::format("expected , or ] in the array, found {}", in_quotes(rest_of_line())));
      }
    }
  }

  ConfigValue read_value() {
    if (peek() == '"' || peek() == '\'') {
      return {ConfigValue::Type::string, read_string()};
    }
    const std::size_t start = at_;
    while (!at_end() && std::string_view(" \t\r\n,]#").find(peek()) == std::string_view::npos) {
      take();
    }
    const std::string_view word = text_.substr(start, at_ - start);
    if (word == "true" || word == "false") {
      return {ConfigValue::Type::boolean, std::string(word)};
    }
    if (std::optional<ConfigValue> number = as_number(word)) {
      return *std::move(number);
    }
    fail(word.empty() ? "expected a value" : "a text needs quotes: " + in_quotes(word));
  }

  static std::optional<ConfigValue> as_number(std::string_view word) {
    std::string digits;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (word[i] != '_') {
        digits += word[i];
        continue;
      }
      const auto is_digit = [&](std::size_t at) {
        return at < word.size() && word[at] >= '0' && word[at] <= '9';
      };
      if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) {
        return std::nullopt;
      }
    }
    const std::string_view unsigned_digits =
        std::string_view(digits).substr(digits.find_first_not_of("+-") == 1 ? 1 : 0);
    const std::size_t point = unsigned_digits.find('.');
    const std::string_view whole = unsigned_digits.substr(0, point);
    const auto all_digits = [](std::string_view part) {
      return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (!all_digits(whole) || (whole.size() > 1 && whole[0] == '0')) {
      return std::nullopt;
    }
    const std::string text = digits[0] == '+' ? digits.substr(1) : digits;
    if (point == std::string_view::npos) {
      return ConfigValue{ConfigValue::Type::integer, text};
    }
    if (!all_digits(unsigned_digits.substr(point + 1))) {
      return std::nullopt;
    }
    return ConfigValue{ConfigValue::Type::decimal, text};
  }

  std::string read_string() {
    const char quote = take();
    if (text_.substr(at_).starts_with(std::string(2, quote))) {
      fail("strings over several lines are not read");
    }
    std::string out;
    while (peek() != quote) {
      const char c = peek();
      if (c == '\n' || c == '\r') {
        fail(fmt::format("the string is not closed with {}", quote));
      }
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
        fail("a string holds a control character: write it as \\u00XX");
      }
      take();
      if (c == '\\' && quote == '"') {
        read_escape(out);
      } else {
        out += c;
      }
    }
    take();
    return out;
  }

  void read_escape(std::string& out) {
    constexpr std::string_view k_letters = "btnfr\"\\";
    constexpr std::string_view k_meanings = "\b\t\n\f\r\"\\";
    const char letter = peek();
    const std::size_t simple = k_letters.find(letter);
    if (simple != std::string_view::npos) {
      take();
      out += k_meanings[simple];
      return;
    }
    if (letter != 'u' && letter != 'U') {
      fail("a string holds an unknown escape: \\ is written \\\\, or use '...'");
    }
    take();
    std::uint32_t code = 0;
    for (int left = letter == 'u' ? 4 : 8; left > 0; --left) {
      const std::size_t digit =
          std::string_view("0123456789abcdef")
              .find(static_cast<char>(peek() >= 'A' && peek() <= 'F' ? peek() | 0x20 : peek()));
      if (digit == std::string_view::npos) {
        fail("\\u needs four hexadecimal digits, \\U eight");
      }
      take();
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      fail("\\u names no character");
    }
    append_utf8(out, code);
  }

  std::string_view rest_of_line() const {
    const std::string_view rest = text_.substr(at_);
    return rest.substr(0, rest.find_first_of("\r\n"));
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string context_;  // the key that is being read, as the start of a message
};

}  // namespace

Config parse_config(std::string_view text, std::string_view name) {
  return Reader(text, name).read();
}

std::string read_config(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_fifo(path, ignored)) {
    throw SettingsError(fmt::format(
        "cannot read {}: it is a pipe, which a reload could not read again (give a file)",
        in_quotes(path.native())));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(k_largest_file + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() || file.bad()) {
    const char* reason = file.gcount() > static_cast<std::streamsize>(k_largest_file)
                             ? "it is larger than 1 MiB"
                             : std::strerror(errno);
    throw SettingsError(fmt::format("cannot read {}: {}", in_quotes(path.native()), reason));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace uringcorn::settings
