// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "arbiter/bound_address.hpp"
#include "arbiter/handover.hpp"
#include "arbiter/identity.hpp"
#include "arbiter/service_manager.hpp"
#include "arbiter/start.hpp"
#include "net/address.hpp"
#include "temporary_directory.hpp"

namespace {

using uringcorn::TemporaryDirectory;
using uringcorn::UniqueFd;
using uringcorn::arbiter::BoundAddress;
using uringcorn::arbiter::Handover;
using uringcorn::arbiter::Identity;
using uringcorn::net::ListenOptions;
using uringcorn::reactor::BackendKind;
using uringcorn::settings::Settings;
using Sharing = ListenOptions::Sharing;

/// Sets variables for the life of a test.
class Variables {
 public:
  void set(const char* name, const std::string& value) {
    names_.push_back(name);
    ::setenv(name, value.c_str(), 1);
  }
  Variables() = default;
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  ~Variables() {
    for (const char* name : names_) {
      ::unsetenv(name);
    }
  }

 private:
  std::vector<const char*> names_;
};

// ---- who the workers are ----

TEST_CASE("nothing changes when nobody is named") {
  CHECK_FALSE(Identity::of(Settings{}).changes);
}

TEST_CASE("an unknown user or group is named") {
  using uringcorn::arbiter::group_complaint;
  using uringcorn::arbiter::user_complaint;
  CHECK(user_complaint("no-such-user").find("there is no user \"no-such-user\"") == 0);
  CHECK(group_complaint("no-such-group").find("there is no group \"no-such-group\"") == 0);
  for (const char* fine : {"root", "0", "12345", ""}) {
    CHECK(user_complaint(fine).empty());
    CHECK(group_complaint(fine).empty());
  }
  for (const char* wrong : {"-1", "4294967295", "1x"}) {
    CHECK_FALSE(user_complaint(wrong).empty());
    CHECK_FALSE(group_complaint(wrong).empty());
  }
}

TEST_CASE("a user brings the primary and the supplementary groups, unless a group is named") {
  if (::geteuid() != 0) {
    return;
  }
  Settings settings;
  settings.user = "daemon";
  const Identity named = Identity::of(settings);
  CHECK(named.changes);
  CHECK(named.uid != 0);
  CHECK(named.gid != 0);
  CHECK(std::count(named.supplementary.begin(), named.supplementary.end(), named.gid) == 1);
  CHECK(std::count(named.supplementary.begin(), named.supplementary.end(), 0) == 0);
  settings.group = "54321";
  CHECK(Identity::of(settings).gid == 54321);
  CHECK(Identity::of(settings).uid == named.uid);
  settings.user = "54322";  // a number that nobody has
  const Identity number = Identity::of(settings);
  CHECK(number.uid == 54322);
  CHECK(number.supplementary == std::vector<gid_t>{54321});
}

TEST_CASE("logs are given away, and what a link points to is not") {
  if (::geteuid() != 0) {
    return;
  }
  const TemporaryDirectory folder;
  Identity identity;
  identity.changes = true;
  identity.uid = 54322;
  identity.gid = 54321;
  const std::string log = folder.path() / "error.log";
  identity.own_log(log);
  struct stat status{};
  REQUIRE(::stat(log.c_str(), &status) == 0);
  CHECK(status.st_uid == 54322);
  CHECK(status.st_gid == 54321);
  folder.write("shadow", "secret");
  std::filesystem::create_symlink("shadow", folder.path() / "link.log");
  std::filesystem::create_hard_link(folder.path() / "shadow", folder.path() / "hard.log");
  identity.own_log(folder.path() / "link.log");
  identity.own_log(folder.path() / "hard.log");
  identity.own_log("/dev/null");
  REQUIRE(::stat((folder.path() / "shadow").c_str(), &status) == 0);
  CHECK(status.st_uid == 0);
  REQUIRE(::stat("/dev/null", &status) == 0);
  CHECK(status.st_uid == 0);
}

// ---- sockets ----

TEST_CASE("with one socket for each worker, a number keeps its socket, and nobody else gets in") {
  BoundAddress address("127.0.0.1:0", uringcorn::net::parse_bind("127.0.0.1:0"),
                       {.sharing = Sharing::first});
  CHECK(address.is_split());
  const int third = address.socket_for(3).fd();
  const int first = address.socket_for(0).fd();
  CHECK(third != first);
  CHECK(address.socket_for(3).fd() == third);
  CHECK(address.sockets().size() == 2);
  CHECK(address.sockets()[1].listener.name() == address.name());
  const std::string place = address.name().substr(std::string("http://").size());
  CHECK_THROWS_AS(BoundAddress(place, uringcorn::net::parse_bind(place), {}),
                  uringcorn::net::ListenError);
  CHECK_THROWS_AS(
      BoundAddress(place, uringcorn::net::parse_bind(place), {.sharing = Sharing::first}),
      uringcorn::net::ListenError);
}

TEST_CASE("connections are sent to the sockets of the numbers that are there") {
  BoundAddress address("127.0.0.1:0", uringcorn::net::parse_bind("127.0.0.1:0"),
                       {.blocking = false, .sharing = Sharing::first});
  for (unsigned number = 0; number < 4; ++number) {
    static_cast<void>(address.socket_for(number));
  }
  const auto arrivals = [&address] {
    constexpr int k_connections = 200;
    sockaddr_storage to{};
    socklen_t length = sizeof to;
    ::getsockname(address.sockets()[0].listener.fd(), reinterpret_cast<sockaddr*>(&to), &length);
    std::vector<UniqueFd> clients;
    for (int i = 0; i < k_connections; ++i) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&to), length) == 0);
    }
    std::vector<int> counts;
    for (const BoundAddress::Socket& socket : address.sockets()) {
      int count = 0;
      for (UniqueFd accepted;
           accepted.reset(::accept(socket.listener.fd(), nullptr, nullptr)), accepted;) {
        ++count;
      }
      counts.push_back(count);
    }
    return counts;
  };
  const std::vector<unsigned> some{1, 3};
  address.steer(some);
  std::vector<int> counts = arrivals();
  CHECK(counts[0] == 0);
  CHECK(counts[1] > 0);
  CHECK(counts[2] == 0);
  CHECK(counts[1] + counts[3] == 200);
  const std::vector<unsigned> all{0, 1, 2, 3};
  address.steer(all);
  counts = arrivals();
  CHECK(std::count(counts.begin(), counts.end(), 0) == 0);
  const std::vector<unsigned> last{3};
  address.steer(last);
  CHECK(arrivals()[3] == 200);
}

// ---- handing over ----

TEST_CASE("what is handed over arrives in the process that takes it") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "odd name 1 2 3.sock";
  const std::vector<std::shared_ptr<BoundAddress>> sockets{
      std::make_shared<BoundAddress>("127.0.0.1:0", uringcorn::net::parse_bind("127.0.0.1:0"),
                                     ListenOptions{.sharing = Sharing::first}),
      std::make_shared<BoundAddress>("unix:" + path, uringcorn::net::parse_bind("unix:" + path),
                                     ListenOptions{}),
  };
  static_cast<void>(sockets[0]->socket_for(5));
  static_cast<void>(sockets[0]->socket_for(2));
  const UniqueFd keys(::dup(STDIN_FILENO));
  const std::vector<std::string> variables = uringcorn::arbiter::handover_variables(
      4711, {.backend = BackendKind::epoll, .sockets = sockets, .ticket_keys = keys.get()});
  Variables environment;
  for (const std::string& variable : variables) {
    CHECK(uringcorn::arbiter::is_handover_variable(variable));
    const std::size_t equals = variable.find('=');
    environment.set(variable.substr(0, equals).c_str(), variable.substr(equals + 1));
  }
  std::optional<Handover> handover = uringcorn::arbiter::take_handover();
  REQUIRE(handover.has_value());
  CHECK_FALSE(uringcorn::arbiter::take_handover().has_value());
  CHECK(handover->predecessor == 4711);
  CHECK(handover->backend == BackendKind::epoll);
  REQUIRE(handover->sockets.size() == 3);
  CHECK(handover->sockets[0].number == 5);
  CHECK(handover->sockets[1].number == 2);
  CHECK_FALSE(handover->sockets[2].number.has_value());
  CHECK(handover->sockets[2].bind == "unix:" + path);
  CHECK(handover->sockets[2].file.path == path);
  CHECK(handover->sockets[2].socket.get() == sockets[1]->sockets()[0].listener.fd());
  // They are the same descriptors here.
  CHECK(handover->ticket_keys.release() == keys.get());
  for (auto& socket : handover->sockets) {
    static_cast<void>(socket.socket.release());
    static_cast<void>(socket.file.share_reader.release());
    static_cast<void>(socket.file.share_writer.release());
  }
}

TEST_CASE("a handover that makes no sense is refused, and gone from the environment") {
  for (const char* nonsense :
       {"x", "1", "0 99 -1 -1 0 0 4 unix", "-1 19999 -1 -1 0 0 1 x", "-1 -1 -1 -1 0 0 -7 x"}) {
    CAPTURE(nonsense);
    Variables environment;
    environment.set("URINGCORN_PID", "1");
    environment.set("URINGCORN_FD", nonsense);
    CHECK_THROWS_AS(static_cast<void>(uringcorn::arbiter::take_handover()), std::runtime_error);
    CHECK(std::getenv("URINGCORN_FD") == nullptr);
  }
}

// ---- the service manager ----

std::vector<std::string> activated(const std::vector<std::string>& bind) {
  Settings settings;
  for (const std::string& one : bind) {
    settings.listeners.push_back({.bind = one});
  }
  std::vector<std::string> places;
  for (const auto& listener : uringcorn::arbiter::activated_listeners(settings)) {
    places.push_back(listener.bind);
  }
  return places;
}

TEST_CASE("sockets of the service manager replace --bind, unless it asks for some of them") {
  const std::vector<std::string> bind{"127.0.0.1:8000"};
  CHECK(activated(bind) == bind);
  Variables environment;
  environment.set("LISTEN_FDS", "3");
  CHECK(activated(bind) == bind);
  environment.set("LISTEN_PID", "1");  // meant for somebody else
  CHECK(activated(bind) == bind);
  environment.set("LISTEN_PID", std::to_string(::getpid()));
  CHECK(activated(bind) == std::vector<std::string>{"fd://3", "fd://4", "fd://5"});
  environment.set("LISTEN_FDNAMES", "web:admin:web");
  CHECK(activated({"fd://web", "127.0.0.1:9000"}) ==
        std::vector<std::string>{"fd://3", "fd://5", "127.0.0.1:9000"});
  CHECK(activated({"fd://4"}) == std::vector<std::string>{"fd://4"});
  CHECK_THROWS_AS(activated({"fd://shop"}), std::runtime_error);
}

// ---- where it was started ----

TEST_CASE("a variable for the workers has a name and a value") {
  using uringcorn::arbiter::variable_complaint;
  CHECK(variable_complaint("A=b").empty());
  CHECK(variable_complaint("A=").empty());
  CHECK(variable_complaint("A=b=c").empty());
  CHECK(variable_complaint("A") == "\"A\" is not NAME=VALUE");
  CHECK_FALSE(variable_complaint("=b").empty());
}

}  // namespace
