// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <uringcorn/fields.hpp>

#include "fake_request.hpp"

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::string_literals;

TEST_CASE("field names compare without regard to ASCII case") {
  CHECK(same_field_name("Content-Type", "content-TYPE"));
  CHECK_FALSE(same_field_name("Content-Type", "Content-Typ"));
  CHECK_FALSE(same_field_name("a-b", "a_b"));
  CHECK_FALSE(same_field_name("@", "`"));
}

TEST_CASE("the first of several request fields of a name is found") {
  const std::vector<Field> lines{{"Accept", "a"}, {"X-Tag", "1"}, {"x-tag", "2"}};
  const RequestFields fields{lines};
  CHECK(fields.get("X-TAG") == "1");
  CHECK(fields.contains("accept"));
  CHECK_FALSE(fields.get("Host").has_value());
  CHECK(fields.size() == 3);
}

TEST_CASE("fields keep their order and may repeat") {
  Fields fields;
  CHECK(fields.empty());
  fields.add("Vary", "Accept").add("X-Tag", "1").add("vary", "Origin");
  CHECK(to_text(fields) == "Vary: Accept\nX-Tag: 1\nvary: Origin\n");
  CHECK(fields.get("VARY") == "Accept");
}

TEST_CASE("set replaces all lines of a name") {
  Fields fields;
  fields.add("A", "1").add("B", "2").add("a", "3").set("A", "4");
  CHECK(to_text(fields) == "B: 2\nA: 4\n");
  fields.set("C", "");
  CHECK(fields.get("c") == "");
}

TEST_CASE("remove takes all lines of a name away") {
  Fields fields;
  fields.add("A", "1").add("B", "2").add("a", "3").add("C", "4");
  fields.remove("a");
  CHECK(to_text(fields) == "B: 2\nC: 4\n");
  fields.remove("missing");
  CHECK(to_text(fields) == "B: 2\nC: 4\n");
  fields.remove("B");
  fields.remove("C");
  CHECK(fields.empty());
}

TEST_CASE("names and values may come from the same fields") {
  Fields fields;
  fields.add("A", "one").add("B", "two");
  for (int i = 0; i < 50; ++i) {
    fields.add("C", *fields.get("A"));
  }
  CHECK(fields.get("C") == "one");
  fields.set("A", *fields.get("A"));
  CHECK(fields.get("A") == "one");
  fields.remove((*fields.begin()).name);
  CHECK_FALSE(fields.contains("B"));
}

TEST_CASE("fields grow past what they hold without the heap") {
  Fields fields;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "X-" + std::to_string(i);
    const std::string value(static_cast<std::size_t>(i), 'v');
    fields.add(name, value);
    expected.append(name).append(": ").append(value).append("\n");
  }
  CHECK(to_text(fields) == expected);
}

TEST_CASE("fields are copied and moved whole, short and long") {
  for (const std::size_t length : {1U, 500U}) {
    CAPTURE(length);
    Fields fields;
    fields.add("A", std::string(length, 'x')).add("B", "2");
    const std::string text = to_text(fields);

    Fields copy(fields);
    CHECK(to_text(copy) == text);
    copy.add("C", "3");
    CHECK(to_text(fields) == text);

    Fields moved(std::move(fields));
    CHECK(to_text(moved) == text);
    CHECK(fields.empty());  // NOLINT(bugprone-use-after-move): moved from means empty
    fields.add("D", "4");
    CHECK(to_text(fields) == "D: 4\n");

    copy = moved;
    CHECK(to_text(copy) == text);
    fields = std::move(moved);
    CHECK(to_text(fields) == text);
    Fields& same = fields;
    fields = same;
    CHECK(to_text(fields) == text);
  }
}

TEST_CASE("an answer cannot be split by a field") {
  Fields fields;
  fields.add("A", "1");
  for (const auto& value : {"x\r\nSet-Cookie: a=b"s, "x\nY: z"s, "x\ry"s, "x\0y"s, "x\x7fy"s}) {
    CHECK_THROWS_AS(fields.add("X-Name", value), std::invalid_argument);
    CHECK_THROWS_AS(fields.set("A", value), std::invalid_argument);
  }
  for (const auto& name : {""s, "X Name"s, "X:"s, "X\r\nY"s, "X\0"s, "Ä"s}) {
    CHECK_THROWS_AS(fields.add(name, "x"), std::invalid_argument);
  }
  CHECK(to_text(fields) == "A: 1\n");
  fields.add("Tab", "a\tb").add("Utf-8", "\xc3\xa4");
  CHECK(fields.get("utf-8") == "\xc3\xa4");
}

TEST_CASE("fields are bounded, and what throws changes nothing") {
  Fields fields;
  fields.add("A", "1");
  CHECK_THROWS_AS(fields.add("B", std::string(Fields::k_bytes_max, 'x')), std::length_error);
  CHECK_THROWS_AS(fields.set("A", std::string(Fields::k_bytes_max, 'x')), std::length_error);
  fields.add("B", std::string(Fields::k_bytes_max - 100, 'x'));
  CHECK_THROWS_AS(fields.add("C", std::string(100, 'x')), std::length_error);
  CHECK(fields.get("A") == "1");
  CHECK_FALSE(fields.contains("C"));
}
