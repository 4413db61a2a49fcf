// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "settings/command_line.hpp"
#include "settings/error.hpp"
#include "settings/nearest.hpp"
#include "settings/words.hpp"

using namespace uringcorn::settings;

namespace {

using Words = std::vector<std::string>;

// `key=value,value` for each setting given.
std::string parsed(const Words& words) {
  std::string out;
  for (const Given& given : parse_command_line(words)) {
    out += out.empty() ? "" : " ";
    out += std::string(given.setting->key) + "=";
    for (std::size_t i = 0; i < given.texts.size(); ++i) {
      out += (i == 0 ? "" : ",") + given.texts[i];
    }
  }
  return out;
}

std::string complaint(const Words& words) {
  try {
    return "no complaint: " + parsed(words);
  } catch (const SettingsError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("flags are long or short, with their value after a blank, an equals sign or nothing") {
  CHECK(parsed({"--workers", "4"}) == "workers=4");
  CHECK(parsed({"--workers=4"}) == "workers=4");
  CHECK(parsed({"-w", "4"}) == "workers=4");
  CHECK(parsed({"-w4"}) == "workers=4");
  CHECK(parsed({"-w=4"}) == "workers=4");
  CHECK(parsed({"-b=unix:/a=b"}) == "bind=unix:/a=b");
  CHECK(parsed({}).empty());
}

TEST_CASE("the application may stand before, between and after the flags") {
  CHECK(parsed({"./a.so", "-w", "4"}) == "app=./a.so workers=4");
  CHECK(parsed({"-w", "4", "./a.so:shop", "-t", "5"}) == "app=./a.so:shop workers=4 timeout=5");
  CHECK(parsed({"-w", "4", "./a.so"}) == "app=./a.so workers=4");
  CHECK(parsed({"-w", "4", "--", "./a.so"}) == "app=./a.so workers=4");
  CHECK(parsed({"--bind", ":80", "./a.so"}) == "app=./a.so bind=:80");
}

TEST_CASE("a flag given again is kept in order") {
  CHECK(parsed({"-b", ":80", "-b", "[::1]:80", "--bind=unix:/x,y"}) ==
        "bind=:80,[::1]:80,unix:/x,y");
  CHECK(parsed({"-w", "1", "--workers", "2"}) == "workers=1,2");
}

TEST_CASE("values that look like flags, are empty or hold odd characters are values") {
  CHECK(parsed({"--access-logfile", "-"}) == "access_logfile=-");
  CHECK(parsed({"--backlog", "-1"}) == "backlog=-1");
  CHECK(parsed({"--server-header", ""}) == "server_header=");
  CHECK(parsed({"--server-header=", "-w", "2"}) == "workers=2 server_header=");
  CHECK(parsed({"--access-logformat", "%(h)s \"%(r)s\" = [x] 'y'"}) ==
        "access_log_format=%(h)s \"%(r)s\" = [x] 'y'");
  CHECK(parsed({"--server-header=[a,b]"}) == "server_header=[a,b]");
  CHECK(parsed({"--bind", "[::1]:80"}) == "bind=[::1]:80");
}

TEST_CASE("gunicorn's own spellings are understood") {
  CHECK(parsed({"--access-logformat", "x", "--log-file", "y", "--limit-request-field_size", "9"}) ==
        "limit_request_field_size=9 access_log_format=x error_logfile=y");
}

TEST_CASE("flags without a value") {
  CHECK(parsed({"--print-config"}) == "print_config=");
  CHECK(parsed({"-h", "-v"}) == "version= help=");
  CHECK(complaint({"--help=yes"}) == "--help takes no value");
  CHECK(complaint({"--print-config=x"}) == "--print-config takes no value");
}

TEST_CASE("a switch is on, off, or has its value after an equals sign") {
  CHECK(parsed({"--capture-output"}) == "capture_output=true");
  CHECK(parsed({"--no-capture-output"}) == "capture_output=false");
  CHECK(parsed({"--capture-output", "--no-capture-output"}) == "capture_output=true,false");
  CHECK(parsed({"--no-capture-output", "./a.so", "--capture-output"}) ==
        "app=./a.so capture_output=false,true");
  CHECK(parsed({"--capture-output=false"}) == "capture_output=false");
  CHECK(parsed({"--capture-output=maybe"}) == "capture_output=maybe");
  CHECK(complaint({"--no-capture-ouput"}) ==
        "unknown option \"--no-capture-ouput\" (did you mean --no-capture-output?)");
}

TEST_CASE("an unknown flag is named with the nearest one that exists") {
  CHECK(complaint({"--wrkers", "4"}) == "unknown option \"--wrkers\" (did you mean --workers?)");
  CHECK(complaint({"--wokrers=4"}) == "unknown option \"--wokrers\" (did you mean --workers?)");
  CHECK(complaint({"--keepalive", "4"}) ==
        "unknown option \"--keepalive\" (did you mean --keep-alive?)");
  CHECK(complaint({"--access_logfile", "-"}) ==
        "unknown option \"--access_logfile\" (did you mean --access-logfile?)");
  CHECK(complaint({"--frobnicate"}) ==
        "unknown option \"--frobnicate\" (uringcorn serve --help lists the options)");
  CHECK(complaint({"-x"}) == "unknown option \"-x\" (uringcorn serve --help lists the options)");
  CHECK(complaint({"--w", "4"}).starts_with("unknown option \"--w\""));
}

TEST_CASE("a missing value and an argument too many are named") {
  CHECK(complaint({"--workers"}) == "--workers needs a value");
  CHECK(complaint({"-w"}) == "--workers needs a value");
  CHECK(complaint({"--bind"}) == "--bind needs a value");
  CHECK(complaint({"a.so", "b.so"}) ==
        "\"b.so\" is one argument too many: only one application can be served");
}

TEST_CASE("the nearest name is a likely misspelling or none") {
  const std::vector<std::string_view> names{"workers", "worker_tmp_dir", "timeout", "bind"};
  CHECK(nearest("worker", names) == "workers");
  CHECK(nearest("WORKERS", names) == "workers");
  CHECK(nearest("wrokers", names) == "workers");
  CHECK(nearest("worker-tmpdir", names) == "worker_tmp_dir");
  CHECK(nearest("tiemout", names) == "timeout");
  CHECK(nearest("bnd", names) == "bind");
  CHECK(nearest("bnid", names) == "bind");
  CHECK(nearest("xyz", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest(std::string(10'000, 'w'), names).empty());
}

TEST_CASE("words are split as a shell splits them") {
  CHECK(split_words("") == Words{});
  CHECK(split_words("  -w 4\t./a.so \n") == Words{"-w", "4", "./a.so"});
  CHECK(split_words(R"(--server-header 'a "b" c')") == Words{"--server-header", R"(a "b" c)"});
  CHECK(split_words(R"(--x="a \"b\" \\ \n"'c'd)") == Words{R"(--x=a "b" \ \ncd)"});
  CHECK(split_words(R"(a\ b '' "")") == Words{"a b", "", ""});
  CHECK(split_words("a\\") == Words{"a\\"});
  CHECK_THROWS_WITH_AS(split_words("'open"), "a quote (') is not closed", SettingsError);
  CHECK_THROWS_WITH_AS(split_words("\"open\\\""), "a quote (\") is not closed", SettingsError);
}
