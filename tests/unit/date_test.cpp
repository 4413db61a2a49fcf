// SPDX-License-Identifier: MIT
#include "http/date.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <string>

namespace {

using uringcorn::Clock;
using uringcorn::http::DateLine;
using uringcorn::http::format_date;

std::string date_of(std::int64_t unix_seconds) {
  const auto text = format_date(unix_seconds);
  return {text.begin(), text.end()};
}

}  // namespace

TEST_CASE("a time is written as an IMF-fixdate") {
  CHECK(date_of(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date_of(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date_of(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(date_of(253402300799) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(date_of(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST_CASE("the Date line is of now, and changes once a second") {
  DateLine line;
  const Clock::time_point start = Clock::now();
  const std::int64_t before = std::time(nullptr);
  const std::string first(line.at(start));
  const std::int64_t after = std::time(nullptr);
  bool is_now = false;
  for (std::int64_t second = before; second <= after; ++second) {
    is_now = is_now || first == "Date: " + date_of(second) + "\r\n";
  }
  CHECK(is_now);
  // The text stands until its second is over, then the wall clock is asked again.
  const char* const memory = line.at(start).data();
  CHECK(line.at(start).data() == memory);
  CHECK(line.at(start + std::chrono::seconds(2)).size() == first.size());
}
