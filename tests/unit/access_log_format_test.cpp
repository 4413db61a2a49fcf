// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observe/access_log_format.hpp"
#include "settings/settings.hpp"

using namespace std::chrono_literals;
using uringcorn::observe::AccessLogFormat;
using uringcorn::observe::AccessRecord;
using uringcorn::observe::FieldLookup;

namespace {

struct FieldList {
  std::vector<std::pair<std::string_view, std::string_view>> fields;

  std::optional<std::string_view> get(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) {
        return value;
      }
    }
    return std::nullopt;
  }
};

const FieldList k_request{{{"user-agent", "curl/7.88"},
                           {"referer", "http://shop/"},
                           {"x-request-id", "r-1"},
                           {"authorization", "Basic YWxpY2U6c2VjcmV0"}}};
const FieldList k_response{{{"content-type", "text/plain"}}};

AccessRecord sample() {
  return {.time = std::chrono::system_clock::from_time_t(1'795'446'000),  // 2026-11-23 15:00 UTC
          .duration = 1'234'567'890ns,
          .remote_address = "203.0.113.9",
          .method = "GET",
          .target = "/a%20b?c=d",
          .path = "/a%20b",
          .query = "c=d",
          .protocol = "HTTP/1.1",
          .status = 200,
          .body_bytes = 13,
          .request_fields = FieldLookup::of(k_request),
          .response_fields = FieldLookup::of(k_response)};
}

std::string line(const std::string& format, const AccessRecord& record) {
  std::string out;
  AccessLogFormat(format).append(out, record);
  REQUIRE(out.ends_with('\n'));
  out.pop_back();
  return out;
}

// The time zone of the test is one that no machine is likely to have.
struct TimeZone {
  TimeZone() { set("TST-05:30"); }
  ~TimeZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
  static void set(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
};

}  // namespace

TEST_CASE("every atom says what it says in gunicorn") {
  const TimeZone zone;
  const AccessRecord record = sample();
  CHECK(line("%(h)s", record) == "203.0.113.9");
  CHECK(line("%(l)s", record) == "-");
  CHECK(line("%(u)s", record) == "alice");
  CHECK(line("%(t)s", record) == "[23/Nov/2026:20:30:00 +0530]");
  CHECK(line("%(r)s", record) == "GET /a%20b?c=d HTTP/1.1");
  CHECK(line("%(m)s", record) == "GET");
  CHECK(line("%(U)s", record) == "/a%20b");
  CHECK(line("%(q)s", record) == "c=d");
  CHECK(line("%(H)s", record) == "HTTP/1.1");
  CHECK(line("%(s)s", record) == "200");
  CHECK(line("%(B)s %(b)s", record) == "13 13");
  CHECK(line("%(f)s", record) == "http://shop/");
  CHECK(line("%(a)s", record) == "curl/7.88");
  CHECK(line("%(T)s", record) == "1");
  CHECK(line("%(M)s", record) == "1234");
  CHECK(line("%(D)s", record) == "1234567");
  CHECK(line("%(L)s", record) == "1.234567");
  CHECK(line("%(p)s", record) == "<" + std::to_string(::getpid()) + ">");
  CHECK(line("%(id)s", record) == "r-1");
  CHECK(line("%({x-request-id}i)s", record) == "r-1");
  CHECK(line("%({content-type}o)s", record) == "text/plain");
}

TEST_CASE("the default format is the combined one") {
  const TimeZone zone;
  CHECK(line(uringcorn::settings::Settings{}.access_log_format, sample()) ==
        R"(203.0.113.9 - alice [23/Nov/2026:20:30:00 +0530] "GET /a%20b?c=d HTTP/1.1" 200 13 )"
        R"("http://shop/" "curl/7.88")");
}

TEST_CASE("what is absent is a dash, and no body is 0 or a dash") {
  const AccessRecord record{};
  CHECK(line("%(h)s %(u)s %(r)s %(m)s %(U)s %(q)s %(H)s %(f)s %(a)s %(id)s %({x}i)s %({x}o)s",
             record) == "- - - - - - - - - - - -");
  CHECK(line("%(B)s %(b)s", record) == "0 -");
  CHECK(line("%(L)s", record) == "0.000000");
}

TEST_CASE("text around the atoms is copied, and %% is a percent sign") {
  CHECK(line("100%% [%(s)s]", sample()) == "100% [200]");
  CHECK(line("", sample()).empty());
  CHECK(line("a\tb\n", sample()) == "a\\x09b\\x0a");
}

TEST_CASE("an environment variable is read once, and absent a dash") {
  ::setenv("URINGCORN_TEST_VARIABLE", "east \"1\"", 1);
  AccessLogFormat format("%({URINGCORN_TEST_VARIABLE}e)s \"%({URINGCORN_TEST_VARIABLE}e)s\"");
  ::unsetenv("URINGCORN_TEST_VARIABLE");
  std::string out;
  format.append(out, sample());
  CHECK(out == "east\\x20\\x221\\x22 \"east \\x221\\x22\"\n");
  CHECK(line("%({URINGCORN_TEST_VARIABLE}e)s", sample()) == "-");
}

TEST_CASE("a client cannot forge a line, a quote or a further value") {
  AccessRecord record = sample();
  record.target = "/\"\n1.2.3.4 - - \"\xff\\";
  const FieldList fields{{{"user-agent", "x\" 200 \"y\r\n"}, {"x-tag", "a b"}}};
  record.request_fields = FieldLookup::of(fields);
  CHECK(line("\"%(r)s\" %(s)s \"%(a)s\"", record) ==
        R"("GET /\x22\x0a1.2.3.4 - - \x22\xff\x5c HTTP/1.1" 200 "x\x22 200 \x22y\x0d\x0a")");
  CHECK(line("%({x-tag}i)s \"%({x-tag}i)s\" %({x-tag}i)s", record) == R"(a\x20b "a b" a\x20b)");
}

TEST_CASE("the user is the one of basic authentication, or nobody") {
  const auto user = [](std::string_view authorization) {
    const FieldList fields{{{"authorization", authorization}}};
    AccessRecord record;
    record.request_fields = FieldLookup::of(fields);
    return line("%(u)s", record);
  };
  CHECK(user("Basic YWxpY2U6c2VjcmV0") == "alice");
  CHECK(user("bAsIc YWxpY2U6c2VjcmV0") == "alice");
  CHECK(user("Basic YTo=") == "a");
  CHECK(user("Basic YSBiOng=") == "a\\x20b");
  CHECK(user("Basic OnNlY3JldA==") == "-");
  CHECK(user("Basic YWxpY2U=") == "-");
  CHECK(user("Basic *") == "-");
  CHECK(user("Basic ") == "-");
  CHECK(user("Bearer YWxpY2U6c2VjcmV0") == "-");
}

TEST_CASE("the request id is the one that the application answers with, else the client's") {
  AccessRecord record = sample();
  const FieldList answer{{{"x-request-id", "given"}}};
  record.response_fields = FieldLookup::of(answer);
  CHECK(line("%(id)s", record) == "given");
  CHECK(line("%(id)s", sample()) == "r-1");
}

TEST_CASE("json is one object a line, with null for what is absent") {
  const TimeZone zone;
  const std::string pid = std::to_string(::getpid());
  AccessRecord record = sample();
  record.time += 7ms;
  CHECK(line("json", record) ==
        R"({"time":"2026-11-23T15:00:00.007Z","remote_address":"203.0.113.9","user":"alice",)"
        R"("method":"GET","target":"/a%20b?c=d","protocol":"HTTP/1.1","status":200,)"
        R"("body_bytes":13,"duration_us":1234567,"referer":"http://shop/",)"
        R"("user_agent":"curl/7.88","request_id":"r-1","pid":)" +
            pid + "}");
  CHECK(line("json", AccessRecord{}) ==
        R"({"time":"1970-01-01T00:00:00.000Z","remote_address":null,"user":null,)"
        R"("method":null,"target":null,"protocol":null,"status":0,)"
        R"("body_bytes":0,"duration_us":0,"referer":null,)"
        R"("user_agent":null,"request_id":null,"pid":)" +
            pid + "}");
}

TEST_CASE("json stays valid whatever the client sent") {
  const FieldList fields{{{"user-agent", "\"},\n{\"a\":\"\xff\\"}}};
  AccessRecord record = sample();
  record.request_fields = FieldLookup::of(fields);
  CHECK(line("json", record).find(R"("user_agent":"\"},\u000a{\"a\":\"\ufffd\\",)") !=
        std::string::npos);
}

TEST_CASE("the time follows the clock from second to second") {
  const TimeZone zone;
  AccessLogFormat format("%(t)s");
  AccessRecord record = sample();
  std::string out;
  format.append(out, record);
  record.time += 1s;
  format.append(out, record);
  record.time -= 1s;
  format.append(out, record);
  CHECK(out ==
        "[23/Nov/2026:20:30:00 +0530]\n[23/Nov/2026:20:30:01 +0530]\n"
        "[23/Nov/2026:20:30:00 +0530]\n");
}

TEST_CASE("a format that cannot be compiled is told why") {
  CHECK(AccessLogFormat::complaint("%(h)s %(x)s") == "there is no atom %(x)s");
  CHECK(AccessLogFormat::complaint("%(h)d") ==
        "a percent sign begins an atom such as %(r)s, or is doubled: \"%(h)d\"");
  CHECK(AccessLogFormat::complaint("100%") ==
        "a percent sign begins an atom such as %(r)s, or is doubled: \"%\"");
  CHECK(AccessLogFormat::complaint("%h") ==
        "a percent sign begins an atom such as %(r)s, or is doubled: \"%h\"");
  for (const char* bad : {"%({x}z)s", "%({x)s", "%({}i)s", "%({x})s"}) {
    CAPTURE(bad);
    CHECK(AccessLogFormat::complaint(bad).starts_with("there is no atom"));
  }
  CHECK(AccessLogFormat::complaint("json").empty());
  CHECK(AccessLogFormat::complaint(uringcorn::settings::Settings{}.access_log_format).empty());
  CHECK_THROWS_AS(AccessLogFormat("%"), std::invalid_argument);
}
