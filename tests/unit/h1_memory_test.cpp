// SPDX-License-Identifier: MIT

#include "allocation_counter.hpp"
#include "coro/frame_pool.hpp"
#include "h1_wire.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::chrono_literals;

Task<Response> hello(Request&) {
  co_return Response::text("Hello, World!");
}

Task<Response> slow(Request& request) {
  co_await sleep_for(1ms);
  std::size_t bytes = 0;
  for (;;) {
    const std::string_view piece = co_await request.body().read();
    if (piece.empty()) {
      break;
    }
    bytes += piece.size();
  }
  co_return Response::text(bytes == 5 ? "five" : "other");
}

constexpr std::string_view k_get = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";
constexpr std::string_view k_post =
    "POST / HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b; c=d\r\n"
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

struct Case {
  Task<Response> (*handler)(Request&);
  std::string_view request;
};

/// Allocations of operator new while `request` is asked and answered, the client's left out.
std::uint64_t allocations_of(Server& server, Wire& wire, std::string_view request) {
  std::array<char, 4096> bytes;
  const std::uint64_t before = allocations().count;
  ::send(wire.fd(), request.data(), request.size(), 0);
  const auto give_up = Clock::now() + k_patience;
  while (::recv(wire.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT) <= 0) {
    REQUIRE(Clock::now() < give_up);
    server.reactor.turn(5ms);
  }
  return allocations().count - before;
}

}  // namespace

TEST_CASE("a warm keep-alive request allocates nothing") {
  if (!counts_allocations()) {
    return;
  }
  std::string pipelined;
  for (int i = 0; i < 16; i++) {
    pipelined += k_get;
  }
  for (const Case& one : {Case{hello, k_get}, Case{hello, pipelined}, Case{slow, k_post}}) {
    CAPTURE(one.request);
    on_each_server(one.handler, {}, [&](Server& server) {
      Wire wire(server);
      for (int i = 0; i < 20; i++) {
        allocations_of(server, wire, one.request);
      }
      for (int i = 0; i < 20; i++) {
        CHECK(allocations_of(server, wire, one.request) == 0);
      }
    });
  }
}

TEST_CASE("an idle keep-alive connection takes at most 1 KiB") {
  if (!counts_allocations()) {
    return;
  }
  constexpr int k_connections = 200;
#ifdef __OPTIMIZE__
  constexpr std::ptrdiff_t k_bytes_max = 1024;
#else  // Coroutine frames keep every temporary when nothing is optimised.
  constexpr std::ptrdiff_t k_bytes_max = 1536;
#endif
  // The Wire of the test is no part of the server.
  constexpr std::ptrdiff_t k_bytes_of_client = sizeof(Wire) + 32;
  for (const auto& [handler, request] : {Case{hello, k_get}, Case{slow, k_post}}) {
    on_each_server(handler, {}, [&, text = request](Server& server) {
      std::vector<std::unique_ptr<Wire>> wires;
      wires.reserve(k_connections);
      // What is shared, spare frames included, is there after the first ones.
      for (int i = 0; i < 3; i++) {
        Wire wire(server);
        wire.ask(text);
      }
      coro::release_pooled_frames();
      const std::ptrdiff_t before = allocations().live_bytes;
      for (int i = 0; i < k_connections; i++) {
        wires.push_back(std::make_unique<Wire>(server));
        wires.back()->ask(text);
      }
      const std::ptrdiff_t each =
          (allocations().live_bytes - before) / k_connections - k_bytes_of_client;
      MESSAGE("an idle connection takes ", each, " bytes");
      CHECK(each <= k_bytes_max);
    });
  }
}
