// SPDX-License-Identifier: MIT
#include "http/field_rules.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace std::string_view_literals;
using namespace uringcorn::http;

}  // namespace

TEST_CASE("a host is a name, an IPv4 or a bracketed IPv6 address, and perhaps a port") {
  for (const std::string_view good :
       {""sv, "a"sv, "example.com"sv, "EXAMPLE.com."sv, "127.0.0.1"sv, "127.0.0.1:8000"sv, "a:"sv,
        "a:0"sv, "a:65535"sv, "a_b-c~d"sv, "xn--bcher-kva.example"sv, "a%2Db"sv, "[::1]"sv,
        "[::1]:80"sv, "[2001:db8::ff00:42:8329]"sv, "[::ffff:10.0.0.1]:1"sv}) {
    CAPTURE(good);
    CHECK(is_host_and_port(good));
  }
  for (const std::string_view bad :
       {":"sv,
        ":80"sv,
        "a:65536"sv,
        "a:99999999999999999999"sv,
        "a:b"sv,
        "a:8 0"sv,
        "a:+80"sv,
        "a:80:80"sv,
        "a b"sv,
        "a/b"sv,
        "a?b"sv,
        "a#b"sv,
        "a@b"sv,
        "user:secret@b"sv,
        "a\\b"sv,
        "a\"b"sv,
        "a<b"sv,
        "a%"sv,
        "a%2"sv,
        "a%zz"sv,
        "::1"sv,
        "[::1"sv,
        "::1]"sv,
        "[]"sv,
        "[::1]a"sv,
        "[::1]:x"sv,
        "[::1%25eth0]"sv,
        "[1.2.3.4]"sv,
        "[v1.a]"sv,
        "[::1]]"sv,
        "[[::1]]"sv,
        "b\xc3\xbc.example"sv,
        "a\0b"sv,
        "[::1\0]"sv,
        "a,b c"sv,
        "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]"sv}) {
    CAPTURE(bad);
    CHECK_FALSE(is_host_and_port(bad));
  }
}

TEST_CASE("a tunnel needs a host and a port") {
  CHECK(is_authority_form("a:1"));
  CHECK(is_authority_form("[::1]:443"));
  for (const std::string_view bad : {""sv, "a"sv, "a:"sv, ":1"sv, "[::1]"sv, "a:b"sv}) {
    CAPTURE(bad);
    CHECK_FALSE(is_authority_form(bad));
  }
}

TEST_CASE("Content-Length is digits up to 2^63 - 1") {
  CHECK(parse_content_length("0") == 0);
  CHECK(parse_content_length("000000000000000000000000012") == 12);
  CHECK(parse_content_length("9223372036854775807") == 9223372036854775807U);
  CHECK_FALSE(parse_content_length("9223372036854775808"));
  CHECK_FALSE(parse_content_length("92233720368547758070"));
  CHECK_FALSE(parse_content_length(""));
  CHECK_FALSE(parse_content_length(" 1"));
  CHECK_FALSE(parse_content_length("1a"));
}

TEST_CASE("list elements come trimmed of blanks only, empty ones included") {
  std::vector<std::string> elements;
  for_each_element("a, b\t,,\x0b c ,", [&](std::string_view element) {
    elements.emplace_back(element);
    return true;
  });
  CHECK(elements == std::vector<std::string>{"a", "b", "", "\x0b c", ""});
}

TEST_CASE("a field value holds no byte that could end its line") {
  CHECK(is_field_value(""));
  CHECK(is_field_value("a \t b \x80\xff"));
  for (const std::string_view bad : {"a\r\nb"sv, "\n"sv, "\r"sv, "a\0"sv, "\x7f"sv, "\x1b"sv}) {
    CHECK_FALSE(is_field_value(bad));
  }
  CHECK(is_token("X-Name"));
  CHECK_FALSE(is_token(""));
  CHECK_FALSE(is_token("X Name"));
  CHECK_FALSE(is_token("X:"));
}
