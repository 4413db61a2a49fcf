// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "settings/cpu_count.hpp"
#include "settings/settings.hpp"
#include "settings/table.hpp"
#include "settings/value.hpp"

using namespace uringcorn::settings;

namespace {

std::string complaint(std::string_view key, const std::string& text) {
  Settings settings;
  const std::vector<std::string> texts{text};
  return assign(*find_key(key), texts, settings);
}

}  // namespace

TEST_CASE("a duration is seconds, or a number with a unit") {
  CHECK(parse_duration("30") == 30'000);
  CHECK(parse_duration("0") == 0);
  CHECK(parse_duration("0.5") == 500);
  CHECK(parse_duration("1.25") == 1'250);
  CHECK(parse_duration("500ms") == 500);
  CHECK(parse_duration("30s") == 30'000);
  CHECK(parse_duration("1.5m") == 90'000);
  CHECK(parse_duration("5m") == 300'000);
  CHECK(parse_duration("1h") == 3'600'000);
  for (const char* bad : {"", "s", "ms", "-1", "+1", "1e3", "inf", "nan", "1..2", ".", "5 s", "5d",
                          "0x10", "1,5", "99999999999999999999", "30s "}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad).has_value());
  }
}

TEST_CASE("a duration below a millisecond is refused instead of switching the timeout off") {
  CHECK_FALSE(parse_duration("0.0001").has_value());
  CHECK_FALSE(parse_duration("0.4ms").has_value());
  CHECK(parse_duration("0.001") == 1);
}

TEST_CASE("a size is bytes, or a number with a power of 1024") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("8190") == 8190);
  CHECK(parse_size("8k") == 8192);
  CHECK(parse_size("8K") == 8192);
  CHECK(parse_size("1m") == 1 << 20);
  CHECK(parse_size("2G") == 2LL << 30);
  for (const char* bad : {"", "k", "-1", "1.5k", "8kb", "8 k", "9223372036854775807k", "0x10"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad).has_value());
  }
}

TEST_CASE("what a value is shown as reads back as the same value") {
  for (const std::int64_t ms : {0LL, 1LL, 500LL, 1'000LL, 1'500LL, 90'000LL, 3'600'000LL}) {
    CHECK(parse_duration(show_duration(ms)) == ms);
  }
  for (const std::int64_t bytes : {0LL, 1LL, 1024LL, 8190LL, 65'536LL, 8'388'608LL, 1LL << 40}) {
    CHECK(parse_size(show_size(bytes)) == bytes);
  }
  CHECK(show_duration(30'000) == "30s");
  CHECK(show_duration(1'500) == "1500ms");
  CHECK(show_size(65'536) == "64k");
  CHECK(show_size(8190) == "8190");
}

TEST_CASE("every default is a value that its own row accepts") {
  for (const Setting& setting : table()) {
    if (!is_configurable(setting)) {
      continue;
    }
    CAPTURE(setting.key);
    Settings settings;
    const std::vector<std::string> shown = show(setting, Settings{});
    CHECK(assign(setting, shown, settings).empty());
    CHECK(show(setting, settings) == shown);
  }
}

TEST_CASE("every key and every flag belongs to one row, and every row has a sentence") {
  std::vector<std::string_view> names;
  for (const Setting& setting : table()) {
    CAPTURE(setting.key);
    names.push_back(setting.key);
    names.insert(names.end(), setting.flags.begin(), setting.flags.end());
    CHECK(setting.help.ends_with('.'));
    CHECK(find_key(setting.key) == &setting);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("rows stand together by group, in the order of the groups") {
  CHECK(std::is_sorted(table().begin(), table().end(),
                       [](const Setting& a, const Setting& b) { return a.group < b.group; }));
}

TEST_CASE("a value that does not fit is named with what was expected") {
  CHECK(complaint("workers", "fuor") == R"("fuor" is not a whole number or "auto" (1 to 1024))");
  CHECK(complaint("workers", "0") == R"("0" is not a whole number or "auto" (1 to 1024))");
  CHECK(complaint("backlog", "70000") == R"("70000" is not a whole number (1 to 65535))");
  CHECK(complaint("worker_connections", "-1") == R"("-1" is not a whole number (0 or more))");
  CHECK(complaint("timeout", "soon") ==
        R"("soon" is not a duration such as 30, 0.5, 500ms, 30s or 5m (0 to 24h))");
  CHECK(complaint("timeout", "25h") ==
        R"("25h" is not a duration such as 30, 0.5, 500ms, 30s or 5m (0 to 24h))");
  CHECK(complaint("limit_request_line", "2m") ==
        R"("2m" is not a size such as 8190, 8k, 1m or 1g (16 to 1m))");
  CHECK(complaint("reactor", "uring") == R"("uring" is not one of auto, io_uring or epoll)");
  CHECK(complaint("log_level", "NOTICE") ==
        R"("NOTICE" is not one of debug, info, warning, error or critical)");
  CHECK(complaint("bind", "") == "must not be empty");
  CHECK(complaint("error_logfile", "") == "must not be empty");
  CHECK(complaint("server_header", "").empty());
  CHECK(complaint("server_header", "tea pot/1.0").empty());
  CHECK(complaint("server_header", "a\r\nX: y") == "must not hold control characters");
  CHECK(complaint("server_header", "a\x7f") == "must not hold control characters");
  CHECK(complaint("proxy_protocol", "v3") == R"("v3" is not one of off, v1, v2 or auto)");
}

TEST_CASE("a list of addresses that does not fit is named at the address") {
  CHECK(complaint("proxy_allow_from", "10.0.0.0/8, ::1/128, *").empty());
  CHECK(complaint("forwarded_allow_ips", "").empty());
  CHECK(complaint("forwarded_allow_ips", "::1,10.1.2.3/8") ==
        R"("10.1.2.3/8" has bits set after the first 8 (the network is 10.0.0.0/8))");
  CHECK(complaint("proxy_allow_from", "localhost") ==
        R"("localhost" is not an IP address, a network such as 10.0.0.0/8, or *)");
}

TEST_CASE("a value that does not fit changes nothing") {
  Settings settings;
  const std::vector<std::string> texts{"nonsense"};
  for (const char* key : {"workers", "timeout", "limit_request_line", "reactor", "log_level",
                          "proxy_protocol", "forwarded_allow_ips"}) {
    CHECK_FALSE(assign(*find_key(key), texts, settings).empty());
    CHECK(show(*find_key(key), settings) == show(*find_key(key), Settings{}));
  }
}

TEST_CASE("control characters in a bad value cannot reach the terminal") {
  CHECK(complaint("workers", "\x1b[2J\n") ==
        R"("\x1b[2J\x0a" is not a whole number or "auto" (1 to 1024))");
}

TEST_CASE("workers = auto is the number of usable processors") {
  Settings settings;
  const std::vector<std::string> texts{"auto"};
  CHECK(assign(*find_key("workers"), texts, settings).empty());
  CHECK(settings.workers == std::min(usable_cpus(), 1024));
}
