// SPDX-License-Identifier: MIT
#include "net/listener.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace {

using uringcorn::UniqueFd;
using uringcorn::net::Listener;
using uringcorn::net::ListenError;
using uringcorn::net::parse_bind;

class TemporaryFolder {
 public:
  TemporaryFolder() { REQUIRE(::mkdtemp(path_) != nullptr); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return std::string(path_) + "/" + name; }

 private:
  char path_[32] = "/tmp/listener-test-XXXXXX";
};

int flags_of(int fd) {
  return ::fcntl(fd, F_GETFL);
}

std::string port_of(const Listener& listener) {
  return listener.name().substr(listener.name().rfind(':') + 1);
}

UniqueFd connected_to(const std::string& path) {
  UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    client.reset();
  }
  return client;
}

TEST_CASE("port 0 gives a listener that knows its real port") {
  const Listener listener(parse_bind("127.0.0.1:0"), {});
  CHECK(listener.name().starts_with("http://127.0.0.1:"));
  CHECK(port_of(listener) != "0");
  CHECK((::fcntl(listener.fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a name is resolved to its IPv4 address, and no host means all of them") {
  CHECK(Listener(parse_bind("localhost:0"), {}).name().starts_with("http://127.0.0.1:"));
  CHECK(Listener(parse_bind(":0"), {}).name().starts_with("http://0.0.0.0:"));
}

TEST_CASE("the backend decides whether accepting waits") {
  const Listener waits(parse_bind("127.0.0.1:0"), {.blocking = true});
  CHECK((flags_of(waits.fd()) & O_NONBLOCK) == 0);
  const Listener answers(parse_bind("127.0.0.1:0"), {.blocking = false});
  CHECK((flags_of(answers.fd()) & O_NONBLOCK) != 0);
}

TEST_CASE("accepted connections do not wait to fill their packets") {
  const Listener listener(parse_bind("127.0.0.1:0"), {});
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  REQUIRE(::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  const UniqueFd accepted(::accept(listener.fd(), nullptr, nullptr));
  int no_delay = 0;
  length = sizeof no_delay;
  REQUIRE(::getsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length) == 0);
  CHECK(no_delay == 1);
}

TEST_CASE("an address in use is named, and may be tried again") {
  const Listener first(parse_bind("127.0.0.1:0"), {});
  const std::string place = "127.0.0.1:" + port_of(first);
  try {
    const Listener second(parse_bind(place), {});
    FAIL("both listen");
  } catch (const ListenError& error) {
    CHECK(error.what() == "cannot listen on " + place +
                              ": address already in use (stop who listens there, `ss -ltnp` names"
                              " it, or choose another --bind)");
    CHECK(error.may_pass());
  }
}

TEST_CASE("an address that this machine lacks is an error that will not pass") {
  try {
    const Listener listener(parse_bind("192.0.2.1:0"), {});
    FAIL("it listens");
  } catch (const ListenError& error) {
    CHECK(std::string(error.what()).starts_with("cannot listen on 192.0.2.1:0: cannot assign"));
    CHECK_FALSE(error.may_pass());
  }
}

TEST_CASE("the file of a Unix socket goes with its owner, unless it is left on purpose") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.sock";
  {
    Listener listener(parse_bind("unix:" + path), {});
    CHECK(listener.name() == "unix:" + path);
    CHECK(connected_to(path));
    const Listener moved(std::move(listener));
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  {
    Listener listener(parse_bind("unix:" + path), {});
    listener.leave_file();
  }
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("a Unix socket that nobody serves any more is replaced") {
  const TemporaryFolder folder;
  const std::string path = folder / "stale.sock";
  Listener(parse_bind("unix:" + path), {}).leave_file();
  CHECK_FALSE(connected_to(path));
  const Listener listener(parse_bind("unix:" + path), {});
  CHECK(connected_to(path));
}

TEST_CASE("a Unix socket that is served is left alone, even when its backlog is full") {
  const TemporaryFolder folder;
  const std::string path = folder / "live.sock";
  const Listener live(parse_bind("unix:" + path), {.backlog = 0});
  const UniqueFd fills_the_backlog = connected_to(path);
  try {
    const Listener second(parse_bind("unix:" + path), {});
    FAIL("both listen");
  } catch (const ListenError& error) {
    CHECK(error.what() == "cannot listen on unix:" + path +
                              ": another server answers there (stop it, or choose another --bind)");
    CHECK(error.may_pass());
  }
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("a file that is no socket is never replaced") {
  const TemporaryFolder folder;
  const std::string path = folder / "precious";
  std::ofstream(path) << "data";
  CHECK_THROWS_AS(Listener(parse_bind("unix:" + path), {}), ListenError);
  CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("a folder that does not exist is named as the cause") {
  try {
    const Listener listener(parse_bind("unix:/nonexistent/a.sock"), {});
    FAIL("it listens");
  } catch (const ListenError& error) {
    CHECK(std::string(error.what()) ==
          "cannot listen on unix:/nonexistent/a.sock: no such file or directory (the folder does"
          " not exist)");
  }
}

TEST_CASE("an inherited socket is used, listening or not, and stays for the next to use it") {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const int fd = socket.get();
  const Listener listener(parse_bind("fd://" + std::to_string(fd)), {.blocking = false});
  CHECK(listener.fd() != fd);
  CHECK(listener.tcp_address().host == "127.0.0.1");
  CHECK(listener.name().starts_with("http://127.0.0.1:"));
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((flags_of(fd) & O_NONBLOCK) != 0);
}

TEST_CASE("a descriptor that is missing or no stream socket is not taken over") {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string place = "fd://" + std::to_string(null.get());
  CHECK_THROWS_WITH_AS(
      Listener(parse_bind(place), {}),
      ("cannot listen on " + place + ": the descriptor is not a stream socket").c_str(),
      ListenError);
  CHECK(::fcntl(null.get(), F_GETFD) >= 0);
  CHECK_THROWS_WITH_AS(
      Listener(parse_bind("fd://19999"), {}),
      "cannot listen on fd://19999: the process was started without this descriptor", ListenError);
}

}  // namespace
