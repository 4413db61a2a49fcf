// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <regex>
#include <string>

#include "log_reader.hpp"
#include "observe/access_log.hpp"
#include "observe/log.hpp"
#include "observe/syslog.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn::observe;
using uringcorn::comes_true;
using uringcorn::LogLevel;
using uringcorn::TemporaryDirectory;
using uringcorn::text_of;
using uringcorn::UniqueFd;

namespace {

// A syslog daemon: a socket that takes datagrams.
class Daemon {
 public:
  explicit Daemon(const std::filesystem::path& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        address_("unix://" + path.string()) {
    std::filesystem::remove(path);
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    path.string().copy(place.sun_path, sizeof place.sun_path - 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) == 0);
  }
  Daemon() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof place;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&place), &length) == 0);
    address_ = "udp://127.0.0.1:" + std::to_string(ntohs(place.sin_port));
  }

  const std::string& address() const { return address_; }
  /// The next message; empty: none has come.
  std::string take() const {
    std::array<char, 65536> buffer;
    const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
  }
  std::string wait() const {
    std::string message;
    CHECK(comes_true([&] { return !(message = take()).empty(); }));
    return message;
  }

 private:
  UniqueFd socket_;
  std::string address_;
};

bool matches(const std::string& text, const std::string& pattern) {
  return std::regex_match(text, std::regex(pattern));
}

const std::string k_time = R"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )";
const std::string k_pid = "\\[" + std::to_string(::getpid()) + "\\]: ";

}  // namespace

TEST_CASE("addresses of syslog daemons") {
  for (const char* good : {"unix:///dev/log", "unix:///dev/log#dgram", "udp://localhost:514",
                           "udp://log.example", "udp://[::1]:5140", "udp://[::1]", "udp://"}) {
    CAPTURE(good);
    CHECK(syslog_address_complaint(good).empty());
  }
  for (const char* bad :
       {"", "/dev/log", "tcp://localhost:514", "unix://", "unix:///dev/log#stream",
        "udp://localhost:", "udp://localhost:http", "udp://localhost:0", "udp://localhost:65536",
        "udp://[::1", "udp://[::1]514"}) {
    CAPTURE(bad);
    CHECK_FALSE(syslog_address_complaint(bad).empty());
  }
  CHECK_FALSE(syslog_address_complaint("unix:///" + std::string(200, 'x')).empty());
}

TEST_CASE("a tag is one word") {
  CHECK(syslog_tag_complaint("shop.example-1_a/b").empty());
  CHECK_FALSE(syslog_tag_complaint("a shop").empty());
  CHECK_FALSE(syslog_tag_complaint("shop:").empty());
  CHECK_FALSE(syslog_tag_complaint("shop[1]").empty());
  CHECK_FALSE(syslog_tag_complaint(std::string(49, 'x')).empty());
}

TEST_CASE("a message has priority, time, tag and process; over UDP also the host") {
  const TemporaryDirectory directory;
  const Daemon local(directory.path() / "log");
  ErrorLog log(LogFile::open("/dev/null", STDERR_FILENO), LogLevel::info);
  log.open(
      {.file = "/dev/null",
       .syslog = SyslogOptions{.address = local.address(), .tag = "shop.error", .facility = 16}});
  log.write(LogLevel::warning, "worker 2\nexited");
  CHECK(matches(local.wait(), "<132>" + k_time + R"(shop\.error)" + k_pid +
                                  R"(\[WARNING\] worker 2\\x0aexited)"));
  const Daemon remote;
  log.open({.file = "/dev/null",
            .syslog = SyslogOptions{.address = remote.address(), .tag = "shop.error"}});
  log.write(LogLevel::critical, "x");
  CHECK(
      matches(remote.wait(), "<10>" + k_time + R"(\S+ shop\.error)" + k_pid + R"(\[CRITICAL\] x)"));
}

TEST_CASE("a log goes to its file and to syslog") {
  const TemporaryDirectory directory;
  const Daemon daemon(directory.path() / "log");
  const auto file = directory.path() / "error.log";
  ErrorLog log(LogFile::open("/dev/null", STDERR_FILENO), LogLevel::info);
  log.open(
      {.file = file.string(), .syslog = SyslogOptions{.address = daemon.address(), .tag = "x"}});
  log.write(LogLevel::info, "both");
  CHECK(daemon.wait().ends_with("[INFO] both"));
  CHECK(text_of(file).ends_with("[INFO] both\n"));
}

TEST_CASE("a daemon that was started anew is found again; one that is not there costs messages") {
  const TemporaryDirectory directory;
  std::optional<Daemon> daemon(directory.path() / "log");
  SyslogSocket socket(daemon->address());
  CHECK(socket.write("<14>one\n") == 8);
  CHECK(daemon->take() == "<14>one");
  daemon.reset();
  CHECK(socket.write("<14>two\n") == -ECONNREFUSED);
  daemon.emplace(directory.path() / "log");
  CHECK(socket.write("<14>three\n") == 10);
  CHECK(daemon->take() == "<14>three");
}

TEST_CASE("a daemon that does not read is not waited for") {
  const TemporaryDirectory directory;
  const Daemon daemon(directory.path() / "log");
  SyslogSocket socket(daemon.address());
  ssize_t result = 1;
  for (int i = 0; i < 100'000 && result > 0; ++i) {
    result = socket.write("<14>message\n");
  }
  CHECK(result == -EAGAIN);
  CHECK_FALSE(socket.wait_writable(0));
  daemon.take();
  CHECK(socket.wait_writable(0));
}

TEST_CASE("a message is cut to what daemons take") {
  const TemporaryDirectory directory;
  const Daemon daemon(directory.path() / "log");
  SyslogSocket socket(daemon.address());
  const std::string line = "<14>" + std::string(50'000, 'x') + '\n';
  CHECK(socket.write(line) == static_cast<ssize_t>(line.size()));
  CHECK(daemon.take().size() == SyslogSocket::k_longest_message);
}

TEST_CASE("a log that syslog does not take at the start is an error") {
  ErrorLog log(LogFile::open("/dev/null", STDERR_FILENO), LogLevel::info);
  const SyslogOptions nobody{.address = "unix:///nonexistent/log", .tag = "x"};
  CHECK_THROWS_WITH_AS(log.open({.file = "/dev/null", .syslog = nobody}),
                       "cannot open the log unix:///nonexistent/log: No such file or directory",
                       std::system_error);
}

TEST_CASE("records of the access log go to both of its destinations, a datagram each to syslog") {
  const TemporaryDirectory directory;
  const Daemon daemon(directory.path() / "log");
  const auto file = directory.path() / "access.log";
  const auto record_of = [](std::string_view path) {
    AccessRecord record;
    record.path = path;
    return record;
  };
  {
    AccessLog log({.file = file.string(),
                   .format = "%(U)s",
                   .syslog = SyslogOptions{.address = daemon.address(), .tag = "shop.access"}});
    log.record(record_of("/one"));
    log.record(record_of("/two"));
  }
  CHECK(text_of(file) == "/one\n/two\n");
  CHECK(matches(daemon.take(), "<14>" + k_time + R"(shop\.access)" + k_pid + "/one"));
  CHECK(daemon.take().ends_with(": /two"));
  CHECK(daemon.take().empty());
}
