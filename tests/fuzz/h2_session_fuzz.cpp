// SPDX-License-Identifier: MIT
// A whole HTTP/2 connection against a client that sends anything: the session must not crash, must
// end when the client does, and must leave nothing behind. What follows the preface is the input;
// its first byte says how it is cut into pieces.
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <uringcorn/application.hpp>
#include <uringcorn/time.hpp>
#include <uringcorn/websocket.hpp>

#include "base/unique_fd.hpp"
#include "http/h2/connection.hpp"
#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"
#include "settings/settings.hpp"

namespace {

using namespace uringcorn;
using namespace std::chrono_literals;

void check(bool condition) {
  if (!condition) {
    std::abort();
  }
}

Task<void> echo_messages(Request&, WebSocket socket) {
  for (;;) {
    const std::optional<WebSocketMessage> message = co_await socket.receive();
    if (!message) {
      co_return;
    }
    co_await socket.send(*message);
  }
}

/// Opens a WebSocket, or reads the body, and gives it back: at once, or in pieces after a while and
/// with its trailers, as the path has it.
class Echo final : public Application {
 public:
  Task<Response> handle(Request& request) override {
    check(!request.method_name().empty() && !request.target().empty());
    for (const Field& field : request.fields()) {
      check(!field.name.empty() && field.name.find_first_of("\r\n:") == std::string_view::npos);
      check(field.value.find_first_of("\r\n") == std::string_view::npos);
    }
    if (request.path() == "/w") {
      co_return Response::websocket(request, echo_messages, {.protocols = {"a"}});
    }
    if (request.path() == "/") {
      co_return Response::text("root");
    }
    std::string text = co_await request.text();
    const Fields& trailers = request.body().trailers();
    if (request.path() == "/s") {
      co_await sleep_for(1ms);
      co_return Response::stream(
          [text = std::move(text), &trailers](BodyWriter& writer) -> Task<void> {
            for (const char c : text) {
              co_await writer.write({&c, 1});
            }
            writer.trailers(trailers);
          });
    }
    co_return Response::text(std::move(text));
  }
};

Task<void> serve(UniqueFd socket, http::ServerContext& context) {
  const net::Peer peer;
  net::Stream stream(std::move(socket));
  co_await http::h2::serve(stream, peer, context);
  co_await stream.abandon();
}

/// The worker, made once.
struct World {
  World() : reactor({.backend = reactor::BackendKind::epoll, .queue_entries = 64}) {
    settings.http2_max_concurrent_streams = 8;
    settings.limit_request_text = 4096;
    settings.keep_alive = 50ms;
    settings.request_head_timeout = 50ms;
    settings.body_timeout = 50ms;
    settings.write_timeout = 50ms;
    settings.http2_ack_timeout = 50ms;
    settings.websocket_close_timeout = 50ms;
    observe::open_error_log({.level = LogLevel::critical});
  }

  settings::Settings settings;
  reactor::Reactor reactor;
  Echo application;
  http::ServerContext context{application, settings};
};

/// Takes what the server sends, so that it can go on.
void drain(int client) {
  std::array<char, 65536> bytes;
  while (::recv(client, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
  }
}

void talk(World& world, std::string_view input, std::size_t piece) {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  UniqueFd client(ends[0]);
  CancelScope scope;
  RunningTask<void> running(serve(UniqueFd(ends[1]), world.context), scope);
  std::string bytes(http::h2::k_client_preface);
  bytes.append("\0\0\0\4\0\0\0\0\0", 9).append(input);
  for (std::size_t at = 0; at < bytes.size() && !running.done(); at += piece) {
    const std::string_view next = std::string_view(bytes).substr(at, piece);
    if (::send(client.get(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      break;
    }
    world.reactor.turn(0ms);
    drain(client.get());
  }
  client.reset();
  const auto give_up = Clock::now() + 5s;
  while (!running.done()) {
    check(Clock::now() < give_up);
    world.reactor.turn(1ms);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World* const world = new World;  // as long as the process
  if (size < 2) {
    return 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  talk(*world, input, data[0] == 0 ? 65536 : data[0]);
  return 0;
}
