// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/escape.hpp"

using namespace uringcorn;
using namespace std::string_view_literals;

namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_escaped(out, text);
  return out;
}

std::string printable(std::string_view text, bool keep_blanks) {
  std::string out;
  append_printable(out, text, keep_blanks);
  return out;
}

}  // namespace

TEST_CASE("UTF-8 sequences are told from bytes that are none") {
  CHECK(utf8_sequence_length("a") == 1);
  CHECK(utf8_sequence_length("\xc3\xa9") == 2);
  CHECK(utf8_sequence_length("\xe2\x82\xac") == 3);
  CHECK(utf8_sequence_length("\xf0\x9f\xa6\x80") == 4);
  for (const std::string_view bad :
       {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3("sv, "\xe0\x9f\xbf"sv,
        "\xed\xa0\x80"sv, "\xe2\x82"sv, "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5"sv,
        "\xff"sv, "\xf0\x9f\xa6"sv}) {
    CAPTURE(bad);
    CHECK(utf8_sequence_length(bad) == 0);
  }
}

TEST_CASE("a message can neither end its line nor steer a terminal") {
  CHECK(escaped("caf\xc3\xa9 \"x\" \\") == "caf\xc3\xa9 \"x\" \\");
  CHECK(escaped("a\nb\r\x1b[0m\x7f\0"sv) == "a\\x0ab\\x0d\\x1b[0m\\x7f\\x00");
  CHECK(escaped("\xc2\x9b\xff\xc2\xa0") == "\\xc2\\x9b\\xff\xc2\xa0");
  CHECK(escaped("abcdef", 3) == "abc...");
}

TEST_CASE("every byte becomes printable ASCII, and quotes and backslashes are told apart") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
  }
  for (const char c : printable(all, true)) {
    CHECK((c >= ' ' && c < 0x7f && c != '"'));
  }
  CHECK(printable("a \"b\"\\\n\xff", true) == R"(a \x22b\x22\x5c\x0a\xff)");
  CHECK(printable("a b", false) == R"(a\x20b)");
}

TEST_CASE("JSON strings are valid whatever is in them") {
  CHECK(json("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(json("\"\\\n\x01\x7f\0"sv) == R"(\"\\\u000a\u0001\u007f\u0000)");
  CHECK(json("a\xff\xc3z") == R"(a\ufffd\ufffdz)");
  CHECK(json("\xc2\x85") == R"(\u0085)");
}
