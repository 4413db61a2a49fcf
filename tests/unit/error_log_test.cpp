// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <sstream>
#include <string>

#include "log_reader.hpp"
#include "observe/log.hpp"
#include "temporary_directory.hpp"

using uringcorn::LogLevel;
using uringcorn::LogReader;
using uringcorn::TemporaryDirectory;
using uringcorn::text_of;
using uringcorn::UniqueFd;
using uringcorn::observe::ErrorLog;
using uringcorn::observe::LogFile;

namespace {

ErrorLog log_to(const LogReader& reader, LogLevel level = LogLevel::info) {
  return ErrorLog(LogFile::open("-", reader.writing_end()), level);
}

}  // namespace

TEST_CASE("a message is a line with time, process and level, as gunicorn writes it") {
  LogReader reader;
  log_to(reader).write(LogLevel::warning, "worker 2 exited");
  const std::regex line(
      R"(\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[(\d+)\] \[WARNING\] worker 2 exited\n)");
  const std::string text = reader.take();
  std::smatch match;
  REQUIRE(std::regex_match(text, match, line));
  CHECK(match[1] == std::to_string(::getpid()));
}

TEST_CASE("a level lets itself and the graver ones through") {
  LogReader reader;
  const ErrorLog log = log_to(reader, LogLevel::warning);
  CHECK_FALSE(log.writes(LogLevel::debug));
  CHECK_FALSE(log.writes(LogLevel::info));
  CHECK(log.writes(LogLevel::warning));
  CHECK(log.writes(LogLevel::error));
  CHECK(log.writes(LogLevel::critical));
}

TEST_CASE("a message with line ends in it stays one line") {
  LogReader reader;
  log_to(reader).write(LogLevel::info, "bad\n[2026-11-23 15:00:00 +0000] [1] [INFO] forged\x1b[2J");
  const std::string text = reader.take();
  CHECK(text.find("bad\\x0a[2026") != std::string::npos);
  CHECK(text.find("forged\\x1b[2J\n") != std::string::npos);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("a line is never longer than what a pipe takes in one piece") {
  LogReader reader;
  ErrorLog log = log_to(reader);
  for (const std::size_t length : {4000, 4096, 5000, 100'000}) {
    CAPTURE(length);
    log.write(LogLevel::info, std::string(length, 'x'));
    const std::string text = reader.take();
    CHECK(text.size() <= LogFile::k_atomic_bytes);
    CHECK(text.ends_with(length == 4000 ? "x\n" : "x...\n"));
  }
  log.write(LogLevel::info, std::string(3000, '\n'));
  CHECK(reader.take().size() == LogFile::k_atomic_bytes);
}

TEST_CASE("a pipe that nobody reads costs messages, never time, and their number is told") {
  LogReader reader;
  reader.fill();
  ErrorLog log = log_to(reader);
  for (int i = 0; i < 3; ++i) {
    log.write(LogLevel::info, "lost");
  }
  CHECK(log.dropped() == 3);
  reader.take();
  log.write(LogLevel::info, "after");
  CHECK(log.dropped() == 0);
  const std::string text = reader.take();
  CHECK(text.find("lost") == std::string::npos);
  const std::size_t notice = text.find("[WARNING] 3 messages are missing here");
  CHECK(notice != std::string::npos);
  CHECK(text.find("[INFO] after\n") > notice);
}

TEST_CASE("a stream that others share stays in their blocking mode") {
  LogReader reader;
  ErrorLog log = log_to(reader);
  log.write(LogLevel::info, "x");
  CHECK(reader.is_writing_end_blocking());
}

TEST_CASE("a socket that nobody reads costs messages, never time") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  ErrorLog log(LogFile::open("-", writer.get()), LogLevel::info);
  const std::string message(1000, 'x');
  for (int i = 0; i < 100'000 && log.dropped() == 0; ++i) {
    log.write(LogLevel::info, message);
  }
  CHECK(log.dropped() == 1);
}

TEST_CASE("a full disk costs messages and nothing else") {
  ErrorLog log(LogFile::open("/dev/full", STDERR_FILENO), LogLevel::info);
  log.write(LogLevel::info, "lost");
  CHECK(log.dropped() == 1);
}

TEST_CASE("a log file is appended to, and opened by name again when it was renamed") {
  const TemporaryDirectory directory;
  const auto file = directory.write("error.log", "before\n");
  ErrorLog log(LogFile::open(file.string(), STDERR_FILENO), LogLevel::info);
  log.write(LogLevel::info, "one");
  const auto rotated = directory.path() / "error.log.1";
  std::filesystem::rename(file, rotated);
  log.write(LogLevel::info, "two");
  CHECK_FALSE(log.reopen());
  log.write(LogLevel::info, "three");
  CHECK(text_of(rotated).starts_with("before\n"));
  CHECK(text_of(rotated).find("two") != std::string::npos);
  CHECK(text_of(file).find("three") != std::string::npos);
  CHECK(text_of(file).find("two") == std::string::npos);
}

TEST_CASE("a log that cannot be opened again goes on where it is") {
  const TemporaryDirectory directory;
  const auto file = directory.write("logs/error.log", "");
  ErrorLog log(LogFile::open(file.string(), STDERR_FILENO), LogLevel::info);
  const auto moved = directory.path() / "moved";
  std::filesystem::rename(directory.path() / "logs", moved);
  CHECK(log.reopen() == std::errc::no_such_file_or_directory);
  log.write(LogLevel::info, "still here");
  CHECK(text_of(moved / "error.log").find("still here") != std::string::npos);
}

TEST_CASE("a log file that cannot be opened is an error at once") {
  CHECK_THROWS_AS(LogFile::open("/nonexistent/error.log", STDERR_FILENO), std::system_error);
}

TEST_CASE("the log of the process takes templates, and can be sent elsewhere") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "error.log";
  uringcorn::observe::open_error_log({.file = file.string(), .level = LogLevel::warning});
  uringcorn::observe::info("not {}", "this");
  uringcorn::observe::warning("{} of {}", 1, 2);
  uringcorn::observe::critical("last");
  uringcorn::observe::open_error_log({.file = "-", .level = LogLevel::info});
  const std::string text = text_of(file);
  CHECK(text.find("not this") == std::string::npos);
  CHECK(text.find("[WARNING] 1 of 2\n") != std::string::npos);
  CHECK(text.find("[CRITICAL] last\n") != std::string::npos);
}

TEST_CASE(
    "a line of JSON is one valid object whatever the message holds, and cut between characters") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "error.log";
  ErrorLog log(LogFile::open("/dev/null", STDERR_FILENO), LogLevel::info);
  log.open({.file = file.string(), .format = uringcorn::LogFormat::json});
  log.write(LogLevel::warning, "a \"b\"\n{\\\x01\xff caf\xc3\xa9");
  const std::regex line(
      R"re(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"warning","pid":(\d+),)re"
      R"re("message":"(.*)"\}\n)re");
  std::smatch match;
  const std::string text = text_of(file);
  REQUIRE(std::regex_match(text, match, line));
  CHECK(match[1] == std::to_string(::getpid()));
  CHECK(match[2] == R"(a \"b\"\u000a{\\\u0001\ufffd caf)"
                    "\xc3\xa9");
  for (const std::string unit : {"x", "\xc3\xa9", "\n", "\xff", "\xf0\x9f\xa6\x80"}) {
    CAPTURE(unit);
    std::string message;
    while (message.size() < 10'000) {
      message += unit;
    }
    std::filesystem::resize_file(file, 0);
    log.write(LogLevel::info, message);
    const std::string cut = text_of(file);
    CHECK(cut.size() <= LogFile::k_atomic_bytes);
    CHECK(cut.size() > LogFile::k_atomic_bytes - 16);
    CHECK(cut.ends_with("...\"}\n"));
    const std::size_t start = cut.find("\"message\":\"") + 11;
    const std::string whole = unit == "\n" ? "\\u000a" : unit == "\xff" ? "\\ufffd" : unit;
    CHECK((cut.size() - start - 6) % whole.size() == 0);
  }
}

TEST_CASE("what is written behind comes in order, and all of it when that ends") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "error.log";
  ErrorLog log(LogFile::open(file.string(), STDERR_FILENO), LogLevel::info);
  log.write(LogLevel::info, "at once");
  log.start_writing_behind();
  for (int i = 0; i < 1000; ++i) {
    log.write(LogLevel::info, "line " + std::to_string(i));
  }
  log.stop_writing_behind();
  log.write(LogLevel::info, "at once again");
  std::istringstream lines(text_of(file));
  std::string line;
  std::getline(lines, line);
  CHECK(line.ends_with("at once"));
  for (int i = 0; i < 1000; ++i) {
    std::getline(lines, line);
    CHECK(line.ends_with("[INFO] line " + std::to_string(i)));
  }
  std::getline(lines, line);
  CHECK(line.ends_with("at once again"));
}

TEST_CASE("what is written behind is bounded, and what is dropped is counted and told") {
  LogReader reader;
  ErrorLog log = log_to(reader);
  reader.fill();
  log.start_writing_behind();
  const std::string message(1000, 'x');
  for (int i = 0; i < 10'000 && log.dropped() == 0; ++i) {
    log.write(LogLevel::info, message);
  }
  REQUIRE(log.dropped() == 1);
  std::string text;
  const auto comes = [&](std::string_view part) {
    return uringcorn::comes_true([&] {
      text += reader.take();
      return text.find(part) != std::string::npos;
    });
  };
  CHECK(comes(message));
  CHECK(uringcorn::comes_true([&] {
    text += reader.take();
    log.write(LogLevel::info, "after");
    return log.dropped() == 0;
  }));
  CHECK(comes("messages are missing here: the error log did not take them in time"));
  CHECK(comes("[INFO] after"));
  log.stop_writing_behind();
}

TEST_CASE("what is written behind follows a rotation") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "error.log";
  ErrorLog log(LogFile::open(file.string(), STDERR_FILENO), LogLevel::info);
  log.start_writing_behind();
  log.write(LogLevel::info, "before");
  CHECK(uringcorn::comes_true([&] { return text_of(file).find("before") != std::string::npos; }));
  std::filesystem::rename(file, directory.path() / "error.log.1");
  CHECK_FALSE(log.reopen());
  log.write(LogLevel::info, "after");
  CHECK(uringcorn::comes_true([&] { return text_of(file).find("after") != std::string::npos; }));
  log.stop_writing_behind();
}

TEST_CASE("what is written behind goes on to a standard stream when logs are opened again") {
  LogReader reader;
  ErrorLog log = log_to(reader);
  log.start_writing_behind();
  CHECK_FALSE(log.reopen());
  log.write(LogLevel::info, "after");
  std::string text;
  CHECK(uringcorn::comes_true([&] {
    text += reader.take();
    return text.find("after") != std::string::npos;
  }));
  log.stop_writing_behind();
}
