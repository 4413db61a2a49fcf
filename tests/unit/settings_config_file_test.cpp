// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "settings/config_file.hpp"
#include "settings/error.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn::settings;

namespace {

using Type = ConfigValue::Type;

std::string complaint(std::string_view text) {
  try {
    parse_config(text, "shop.toml");
    return "no complaint";
  } catch (const SettingsError& error) {
    return error.what();
  }
}

std::string only_string(std::string_view text) {
  const std::vector<ConfigEntry> entries = parse_config(text, "shop.toml").entries;
  REQUIRE(entries.size() == 1);
  REQUIRE(entries[0].values.size() == 1);
  CHECK(entries[0].values[0].type == Type::string);
  return entries[0].values[0].text;
}

}  // namespace

TEST_CASE("a configuration file is lines of key = value, comments and blank lines") {
  const std::vector<ConfigEntry> entries = parse_config(
                                               "# a shop\n"
                                               "\n"
                                               "workers = 4   # enough\r\n"
                                               "  timeout=0.5\n"
                                               "flag = true\n"
                                               "\"quoted key\" = 'literal'\n"
                                               "server_header = \"a # is no comment here\"",
                                               "shop.toml")
                                               .entries;
  REQUIRE(entries.size() == 5);
  CHECK(entries[0].key == "workers");
  CHECK(entries[0].line == 3);
  CHECK(entries[0].values[0].type == Type::integer);
  CHECK(entries[0].values[0].text == "4");
  CHECK(entries[1].key == "timeout");
  CHECK(entries[1].values[0].type == Type::decimal);
  CHECK(entries[1].values[0].text == "0.5");
  CHECK(entries[2].values[0].type == Type::boolean);
  CHECK(entries[3].key == "quoted key");
  CHECK(entries[3].values[0].text == "literal");
  CHECK(entries[4].values[0].text == "a # is no comment here");
  CHECK(entries[4].line == 7);
}

TEST_CASE("an empty file, a byte order mark and a last line without its end are all right") {
  CHECK(parse_config("", "f").entries.empty());
  CHECK(parse_config("# only this", "f").entries.empty());
  CHECK(parse_config("\xef\xbb\xbfworkers = 1", "f").entries.size() == 1);
}

TEST_CASE("an array may span lines, with comments and a last comma") {
  const std::vector<ConfigEntry> entries = parse_config(
                                               "bind = [\n"
                                               "  \"127.0.0.1:80\",  # loopback\n"
                                               "  'unix:/run/shop.sock',\n"
                                               "]\n"
                                               "empty = []\n"
                                               "mixed = [1, 2.5, \"three\"]\n",
                                               "f")
                                               .entries;
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].is_array);
  REQUIRE(entries[0].values.size() == 2);
  CHECK(entries[0].values[1].text == "unix:/run/shop.sock");
  CHECK(entries[1].line == 5);
  CHECK(entries[1].values.empty());
  CHECK(entries[2].values[2].text == "three");
}

TEST_CASE("escapes are those of TOML; literal strings have none") {
  CHECK(only_string(R"(k = "a\"b\\c\td\u00e9\U0001F980")") == "a\"b\\c\td\xc3\xa9\xf0\x9f\xa6\x80");
  CHECK(only_string(R"(k = 'C:\new "x"')") == R"(C:\new "x")");
  CHECK(only_string("k = \"\"").empty());
}

TEST_CASE("numbers may have a sign and separators") {
  const std::vector<ConfigEntry> entries =
      parse_config("a = +1_000\nb = -5\nc = 1_0.2_5\n", "f").entries;
  CHECK(entries[0].values[0].text == "1000");
  CHECK(entries[1].values[0].text == "-5");
  CHECK(entries[2].values[0].text == "10.25");
}

TEST_CASE("an error in the file is told with file, line and key") {
  CHECK(complaint("\nworkers 4\n") == "shop.toml:2: workers: expected = and a value after the key");
  CHECK(complaint("workers = \n") == "shop.toml:1: workers: expected a value");
  CHECK(complaint("timeout = 30s") == "shop.toml:1: timeout: a text needs quotes: \"30s\"");
  CHECK(complaint("a = 1\nb = 2\na = 3\n") == "shop.toml:3: a is already set in line 1");
  CHECK(complaint("a = \"open\nb = 1") == "shop.toml:1: a: the string is not closed with \"");
  CHECK(complaint("a = 'open") == "shop.toml:1: a: the string is not closed with '");
  CHECK(complaint("a = [1,\n2") ==
        "shop.toml:1: a: the array that begins here is not closed with ]");
  CHECK(complaint("a = [1 2]") == "shop.toml:1: a: expected , or ] in the array, found \"2]\"");
  CHECK(complaint("a = 1 b = 2") ==
        "shop.toml:1: a: expected the end of the line after the value, found \"b = 2\"");
  CHECK(complaint("= 1") == "shop.toml:1: expected `key = value`, found \"= 1\"");
  CHECK(complaint("\n[server]\nworkers = 1") ==
        "shop.toml:2: sections are not used here: every setting is a line `key = value`");
  CHECK(complaint("[[listener]\n") == "shop.toml:1: expected ]] after [[listener");
  CHECK(complaint("[[]]\n") == "shop.toml:1: expected `key = value`, found \"]]\"");
  CHECK(complaint("[[a]] b = 1\n") ==
        "shop.toml:1: expected the end of the line after ]], found \"b = 1\"");
  CHECK(complaint("[[a]]\nb = 1\nb = 2\n") == "shop.toml:3: b is already set in line 2");
  CHECK(complaint("a = \"\"\"x\"\"\"") ==
        "shop.toml:1: a: strings over several lines are not read");
  CHECK(complaint("a = \"\\q\"") ==
        "shop.toml:1: a: a string holds an unknown escape: \\ is written \\\\, or use '...'");
  CHECK(complaint("a = \"\\u12\"") ==
        "shop.toml:1: a: \\u needs four hexadecimal digits, \\U eight");
  CHECK(complaint("a = \"\\ud800\"") == "shop.toml:1: a: \\u names no character");
  CHECK(complaint(std::string_view("a = \"\0\"", 7)) ==
        "shop.toml:1: a: a string holds a control character: write it as \\u00XX");
}

TEST_CASE("a table has entries of its own, and its name may come again") {
  const Config config =
      parse_config("a = 1\n[[listener]] # one\r\na = 2\nb = 3\n\n[[ listener ]]\na = 4\n", "f");
  CHECK(config.entries.size() == 1);
  REQUIRE(config.tables.size() == 2);
  CHECK(config.tables[0].name == "listener");
  CHECK(config.tables[0].line == 2);
  REQUIRE(config.tables[0].entries.size() == 2);
  CHECK(config.tables[0].entries[1].key == "b");
  CHECK(config.tables[0].entries[1].line == 4);
  CHECK(config.tables[1].name == "listener");
  CHECK(config.tables[1].entries[0].values[0].text == "4");
}

TEST_CASE("a file that is not UTF-8 is refused with the line, comments included") {
  CHECK(complaint("a = 1\nb = \"\xff\"\n") == "shop.toml:2: the file is not UTF-8 here");
  CHECK(complaint("a = 1\n\n# caf\xe9\n") == "shop.toml:3: the file is not UTF-8 here");
  CHECK(complaint("\xff\xfe"
                  "a\0 \0=\0") == "shop.toml:1: the file is not UTF-8 here");
  CHECK(only_string("k = \"caf\xc3\xa9\"") == "caf\xc3\xa9");
}

TEST_CASE("what is no number is not taken for one") {
  for (const char* word : {"1_", "_1", "1__0", "01", "--1", "+", "1.", ".5", "0x1f", "1e3", "inf",
                           "2026-11-23", "True"}) {
    CAPTURE(word);
    CHECK(complaint(std::string("a = ") + word).starts_with("shop.toml:1: a: a text needs quotes"));
  }
}

TEST_CASE("every cut of a valid file is read or refused, never worse") {
  const std::string text = "a = [1, \"x\\u00e9\", 'y']\n# c\nb = -1_0.5\nc = true # d\n";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    CAPTURE(length);
    const std::string whole = complaint(text.substr(0, length));
    CHECK((whole == "no complaint" || whole.starts_with("shop.toml:")));
  }
}

TEST_CASE("a file that cannot be read or is far too large is an error that says so") {
  const uringcorn::TemporaryDirectory directory;
  CHECK_THROWS_WITH_AS(read_config("/nonexistent/shop.toml"),
                       "cannot read \"/nonexistent/shop.toml\": No such file or directory",
                       SettingsError);
  CHECK_THROWS_WITH_AS(read_config("/proc/self"), "cannot read \"/proc/self\": Is a directory",
                       SettingsError);
  const auto large = directory.write("large.toml", std::string((1 << 20) + 1, '#'));
  CHECK_THROWS_AS(read_config(large), SettingsError);
  const std::string pipe = (directory.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(read_config(pipe),
                       ("cannot read \"" + pipe +
                        "\": it is a pipe, which a reload could not read again (give a file)")
                           .c_str(),
                       SettingsError);
  const auto fits = directory.write("fits.toml", std::string(1 << 20, '#'));
  CHECK(read_config(fits).size() == 1 << 20);
}
