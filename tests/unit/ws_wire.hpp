// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <uringcorn/websocket.hpp>

#include "h1_wire.hpp"
#include "ws_frames.hpp"

namespace uringcorn::tests {

inline constexpr std::string_view k_handshake =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

inline std::string handshake(std::string_view fields = {}) {
  return std::string(k_handshake).append(fields).append("\r\n");
}

using SocketHandler = std::function<Task<void>(WebSocket)>;

/// A handler of requests that opens a WebSocket for `handler`.
inline Handler opening(SocketHandler handler, WebSocketOptions options = {}) {
  return [handler = std::move(handler),
          options = std::move(options)](Request& request) -> Task<Response> {
    co_return Response::websocket(
        request, [&handler](Request&, WebSocket socket) { return handler(socket); }, options);
  };
}

inline Task<void> echo(WebSocket socket) {
  for (;;) {
    const std::optional<WebSocketMessage> message = co_await socket.receive();
    if (!message) {
      co_return;
    }
    co_await socket.send(*message);
  }
}

/// A client whose WebSocket is open.
class SocketWire : public Wire {
 public:
  explicit SocketWire(Server& server, std::string_view fields = {}) : Wire(server) {
    send(handshake(fields));
    head = read_until("\r\n\r\n");
    REQUIRE_MESSAGE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), head);
  }

  std::string head;

  /// Expects `frames` to come next.
  void expect(std::string_view frames) {
    std::string come;
    while (come.size() < frames.size()) {
      const std::string more = read_some(frames.size() - come.size());
      REQUIRE_MESSAGE(!more.empty(), "the connection ended after: ", come);
      come += more;
    }
    CHECK(come == frames);
  }
  /// Expects `frames` to be the last.
  void expect_end(std::string_view frames) {
    send_end();
    CHECK(read_to_end() == frames);
  }
};

}  // namespace uringcorn::tests
