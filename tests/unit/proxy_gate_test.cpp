// SPDX-License-Identifier: MIT
#include "worker/proxy_gate.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>

#include <uringcorn/task.hpp>

#include "base/unique_fd.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn;
using namespace std::chrono_literals;
using net::Peer;

namespace {

const std::string k_header = "PROXY TCP4 192.0.2.7 198.51.100.1 56192 443\r\n";

Peer peer_at(std::string_view address) {
  return {*IpAddress::parse(address), 4711};
}

settings::Settings with_proxies() {
  settings::Settings settings;
  settings.proxy_protocol = settings::ProxyProtocol::automatic;
  settings.proxy_allow_from = AddressList{*IpAddress::parse("10.0.0.1")};
  return settings;
}

struct Passed {
  std::optional<Peer> client;
  std::string rest;  ///< what the protocol would receive first
  std::string log;
};

/// A connection from `peer` that begins with `bytes`, and stays open unless it `ends`.
Passed pass(const Peer& peer, const settings::Settings& settings, std::string_view bytes,
            bool ends = false) {
  const TemporaryDirectory directory;
  const std::string log = (directory.path() / "log").string();
  observe::open_error_log({.file = log, .level = LogLevel::info});
  reactor::Reactor reactor({.backend = reactor::BackendKind::epoll,
                            .queue_entries = 64,
                            .buffer_count = 4,
                            .buffer_size = 4096});
  Passed passed;
  auto body = [&]() -> Task<void> {
    int ends_of_pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of_pair) == 0);
    UniqueFd theirs(ends_of_pair[1]);
    net::Stream stream{UniqueFd(ends_of_pair[0])};
    REQUIRE(::write(theirs.get(), bytes.data(), bytes.size()) ==
            static_cast<ssize_t>(bytes.size()));
    if (ends) {
      theirs.reset();
    }
    Peer client = peer;
    const bool may_speak = co_await worker::pass_proxy_gate(stream, client, settings);
    if (may_speak) {
      passed.client = client;
      const net::Received received = co_await stream.receive();
      passed.rest = received.buffer.bytes();
    }
  };
  reactor.run(body());
  observe::open_error_log({.file = "-", .level = LogLevel::info});
  passed.log = text_of(log);
  return passed;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("without PROXY headers every connection is its peer's") {
  const Passed passed = pass(peer_at("10.0.0.1"), settings::Settings{}, k_header + "GET");
  REQUIRE(passed.client.has_value());
  CHECK(passed.client->address() == "10.0.0.1");
  CHECK(passed.rest == k_header + "GET");
}

TEST_CASE("a listed proxy names the client") {
  const Passed passed = pass(peer_at("10.0.0.1"), with_proxies(), k_header + "GET");
  REQUIRE(passed.client.has_value());
  CHECK(passed.client->address() == "192.0.2.7");
  CHECK(passed.client->port() == 56192);
  CHECK(passed.rest == "GET");
  CHECK(passed.log.empty());
}

TEST_CASE("a listed proxy that cannot name the client is the peer itself") {
  const Passed passed = pass(peer_at("10.0.0.1"), with_proxies(), "PROXY UNKNOWN\r\nGET");
  REQUIRE(passed.client.has_value());
  CHECK(passed.client->address() == "10.0.0.1");
  CHECK(passed.rest == "GET");
}

TEST_CASE("a peer that is not listed needs no PROXY header, and one that it sends is not read") {
  const Passed plain = pass(peer_at("10.0.0.2"), with_proxies(), "GET");
  REQUIRE(plain.client.has_value());
  CHECK(plain.client->address() == "10.0.0.2");
  CHECK(plain.rest == "GET");
  CHECK(pass(peer_at("10.0.0.2"), with_proxies(), k_header).rest == k_header);
  CHECK(pass(Peer(), with_proxies(), k_header).rest == k_header);
}

TEST_CASE("a listed proxy without a proper PROXY header is refused, and the log says why") {
  const Peer proxy = peer_at("10.0.0.1");
  const Passed plain = pass(proxy, with_proxies(), "GET / HTTP/1.1\r\n");
  CHECK_FALSE(plain.client.has_value());
  CHECK(contains(plain.log, "refused a connection from 10.0.0.1: it does not begin with a PROXY"));
  settings::Settings v2_only = with_proxies();
  v2_only.proxy_protocol = settings::ProxyProtocol::v2;
  CHECK_FALSE(pass(proxy, v2_only, k_header).client.has_value());
  settings::Settings v1_only = with_proxies();
  v1_only.proxy_protocol = settings::ProxyProtocol::v1;
  CHECK(pass(proxy, v1_only, k_header + "x").client.has_value());
  const Passed cut = pass(proxy, with_proxies(), "PROXY TCP4", true);
  CHECK_FALSE(cut.client.has_value());
  CHECK(contains(cut.log, "it ended within its PROXY header"));
}

TEST_CASE("a listed proxy that is slow with its PROXY header is refused") {
  settings::Settings settings = with_proxies();
  settings.request_head_timeout = 20ms;
  for (const std::string_view bytes : {"", "PROXY TCP4"}) {
    const Passed passed = pass(peer_at("10.0.0.1"), settings, bytes);
    CHECK_FALSE(passed.client.has_value());
    CHECK(contains(passed.log, "its PROXY header did not come in time"));
  }
}

TEST_CASE("a probe that connects and leaves is not worth a line in the log") {
  const Passed passed = pass(peer_at("10.0.0.1"), with_proxies(), "", true);
  CHECK_FALSE(passed.client.has_value());
  CHECK(passed.log.empty());
}
