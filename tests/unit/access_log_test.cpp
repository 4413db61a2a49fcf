// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

#include "log_reader.hpp"
#include "observe/access_log.hpp"
#include "observe/log.hpp"
#include "observe/log_writer.hpp"
#include "temporary_directory.hpp"

using namespace std::chrono_literals;
using namespace uringcorn::observe;
using uringcorn::comes_true;
using uringcorn::LogLevel;
using uringcorn::LogReader;
using uringcorn::TemporaryDirectory;
using uringcorn::text_of;

namespace {

using SteadyClock = std::chrono::steady_clock;

AccessRecord record_of(std::string_view path) {
  AccessRecord record;
  record.path = path;
  return record;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++found;
  }
  return found;
}

// Catches what the server says of its own log, for as long as it lives.
class CaughtErrorLog {
 public:
  CaughtErrorLog() {
    error_log().redirect(LogFile::open("-", reader_.writing_end()), LogLevel::info);
  }
  ~CaughtErrorLog() { open_error_log({.file = "-", .level = LogLevel::info}); }

  const std::string& text() {
    text_ += reader_.take();
    return text_;
  }
  bool says(std::string_view part) {
    return comes_true([&] { return text().find(part) != std::string::npos; });
  }

 private:
  LogReader reader_;
  std::string text_;
};

// Stands for a disk that is full from this size on.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*before_handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("records are written in order, all of them, at the latest when the log ends") {
  const TemporaryDirectory directory;
  const auto file = directory.write("access.log", "before\n");
  {
    AccessLog log({.file = file.string(), .format = "%(U)s"});
    log.record(record_of("one"));
    log.record(record_of("two"));
    log.flush();
    log.record(record_of("three"));
  }
  CHECK(text_of(file) == "before\none\ntwo\nthree\n");
}

TEST_CASE("a small batch is handed on after a while, a large one at once") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "access.log";
  AccessLog log({.file = file.string(), .format = "%(U)s"});
  const SteadyClock::time_point start = SteadyClock::now();
  log.record(record_of("one"));
  log.turn(start);
  CHECK(comes_true([&] { return text_of(file) == "one\n"; }));
  log.record(record_of("two"));
  log.turn(start + AccessLog::k_batch_interval - 1ms);
  // The thread has been round once more when it has made a new file.
  std::filesystem::rename(file, directory.path() / "before");
  log.reopen();
  CHECK(comes_true([&] { return std::filesystem::exists(file); }));
  CHECK(text_of(directory.path() / "before") == "one\n");
  CHECK(text_of(file).empty());
  log.turn(start + AccessLog::k_batch_interval);
  CHECK(comes_true([&] { return text_of(file) == "two\n"; }));
  const std::string long_path(AccessLog::k_batch_bytes, 'x');
  log.record(record_of(long_path));
  log.record(record_of("three"));
  CHECK(comes_true([&] { return text_of(file).size() > AccessLog::k_batch_bytes; }));
}

TEST_CASE("a pipe that nobody reads costs records, never time, and the error log tells how many") {
  CaughtErrorLog errors;
  LogReader reader;
  reader.fill();
  // The name of the pipe's other end, opened anew, is a pipe that is full from the start.
  const std::string name = "/proc/self/fd/" + std::to_string(reader.writing_end());
  std::optional<AccessLog> log;
  log.emplace(AccessLogOptions{.file = name, .format = "%(U)s"}, 100);
  log->record(record_of("first"));
  log->flush();
  for (int i = 0; i < 30; ++i) {
    log->record(record_of("123456789"));
    log->flush();
  }
  CHECK(log->dropped() == 20);
  CHECK(errors.says("is too slow: requests are not logged until it catches up"));
  // What filled the pipe, and maybe some of what comes behind it already.
  std::string text = reader.take();
  CHECK(comes_true([&] {
    log->flush();
    return errors.text().find("20 requests are missing in the access log") != std::string::npos;
  }));
  log->record(record_of("last"));
  log.reset();
  text += reader.take();
  text.erase(0, text.find_first_not_of('.'));
  CHECK(text.starts_with("first\n"));
  CHECK(count(text, "123456789\n") == 10);
  CHECK(text.ends_with("last\n"));
  CHECK(count(errors.text(), "is too slow") == 1);
}

TEST_CASE("a log whose reader never reads again does not hold up the end of the worker, nor spin") {
  CaughtErrorLog errors;
  LogReader reader;
  reader.fill();
  const auto start = SteadyClock::now();
  const std::clock_t cpu_start = std::clock();
  {
    AccessLog log(
        {.file = "/proc/self/fd/" + std::to_string(reader.writing_end()), .format = "%(U)s"});
    log.record(record_of("first"));
    log.flush();
    log.record(record_of("second"));
  }
  CHECK(SteadyClock::now() - start < 20s);
  CHECK(std::clock() - cpu_start < CLOCKS_PER_SEC / 4);
  CHECK(errors.text().find("given up") != std::string::npos);
}

TEST_CASE("lines are whole in a pipe that several workers share") {
  LogReader reader;
  const std::string name = "/proc/self/fd/" + std::to_string(reader.writing_end());
  const std::string a(700, 'a');
  const std::string b(700, 'b');
  std::string text;
  {
    AccessLog first({.file = name, .format = "%(U)s"});
    AccessLog second({.file = name, .format = "%(U)s"});
    for (int i = 0; i < 200; ++i) {
      first.record(record_of(a));
      second.record(record_of(b));
    }
    CHECK(comes_true([&] {
      first.flush();
      second.flush();
      text += reader.take();
      return text.size() == 400 * 701;
    }));
  }
  CHECK(count(text, a + "\n") == 200);
  CHECK(count(text, b + "\n") == 200);
}

TEST_CASE("a full disk is told once, and the log goes on when there is room again") {
  CaughtErrorLog errors;
  const TemporaryDirectory directory;
  const auto file = directory.path() / "access.log";
  std::optional<AccessLog> log;
  log.emplace(AccessLogOptions{.file = file.string(), .format = "%(U)s"});
  {
    const FileSizeLimit limit(10);
    log->record(record_of("12345"));
    log->record(record_of("torn-here"));
    log->record(record_of("whole"));
    log->flush();
    CHECK(errors.says("cannot write to " + file.string() + ": File too large"));
    CHECK(text_of(file) == "12345\ntorn");
  }
  CHECK(errors.says("is written again"));
  log->record(record_of("last"));
  log.reset();
  CHECK(text_of(file) == "12345\ntorn\nwhole\nlast\n");
  CHECK(count(errors.text(), "cannot write to") == 1);
}

TEST_CASE("a disk that stays full does not hold up the end of the worker") {
  CaughtErrorLog errors;
  const auto start = SteadyClock::now();
  {
    AccessLog log({.file = "/dev/full", .format = "%(U)s"});
    log.record(record_of("first"));
    log.flush();
    CHECK(errors.says("cannot write to /dev/full: No space left on device"));
  }
  CHECK(SteadyClock::now() - start < 20s);
}

TEST_CASE("after a rotation the log goes to the new file") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "access.log";
  const auto rotated = directory.path() / "access.log.1";
  std::optional<AccessLog> log;
  log.emplace(AccessLogOptions{.file = file.string(), .format = "%(U)s"});
  log->record(record_of("one"));
  log->flush();
  CHECK(comes_true([&] { return text_of(file) == "one\n"; }));
  std::filesystem::rename(file, rotated);
  log->reopen();
  CHECK(comes_true([&] { return std::filesystem::exists(file); }));
  log->record(record_of("two"));
  log.reset();
  CHECK(text_of(rotated) == "one\n");
  CHECK(text_of(file) == "two\n");
}

TEST_CASE("a log that cannot be opened or whose format is wrong is refused at once") {
  CHECK_THROWS_AS(AccessLog({.file = "/nonexistent/access.log", .format = "%(h)s"}),
                  std::system_error);
  CHECK_THROWS_AS(AccessLog({.file = "-", .format = "%(nothing)s"}), std::invalid_argument);
}

TEST_CASE("the thread of the log takes no signals from the worker's own") {
  sigset_t before;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0);
  const TemporaryDirectory directory;
  const AccessLog log({.file = (directory.path() / "access.log").string(), .format = "%(U)s"});
  sigset_t after;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &after) == 0);
  for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGABRT}) {
    CHECK(::sigismember(&after, number) == ::sigismember(&before, number));
  }
}
