// SPDX-License-Identifier: MIT
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "ws_wire.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::chrono_literals;
using namespace std::string_literals;
using settings::Settings;

std::string text(std::string_view payload) {
  return client_frame(Opcode::text, payload);
}
std::string client_close(std::uint16_t code, std::string_view reason = {}) {
  return client_frame(Opcode::close, close_payload(code, reason));
}
std::string server_text(std::string_view payload) {
  return server_frame(0x81, payload);
}

/// What handlers below saw.
struct Seen {
  std::vector<std::string> messages;
  WebSocketEnd end;
  int ended = 0;
  int refused_sends = 0;
  int cancelled = 0;
};
Seen g_seen;

Task<void> receive_all(WebSocket socket) {
  for (;;) {
    const std::optional<WebSocketMessage> message = co_await socket.receive();
    if (!message) {
      break;
    }
    g_seen.messages.push_back(message->data);
  }
  g_seen.end = socket.end();
  g_seen.ended++;
}

/// Runs `body` with a server of each backend on which `handler` has the WebSockets.
void on_each(const SocketHandler& handler, const Settings& settings,
             const std::function<void(Server&)>& body, const WebSocketOptions& options = {}) {
  on_each_server(opening(handler, options), settings, [&](Server& server) {
    g_seen = {};
    body(server);
  });
}

Settings quick_close() {
  Settings settings;
  settings.websocket_close_timeout = 50ms;
  return settings;
}

}  // namespace

TEST_CASE("a WebSocket opens and echoes, wherever the bytes are cut") {
  const std::string bytes = handshake() + text("Hello") + client_frame(Opcode::ping, "p") +
                            client_frame(Opcode::text, "a", false) +
                            client_frame(Opcode::continuation, "b") + client_close(1000, "bye");
  const std::string frames = server_text("Hello") + server_frame(0x8a, "p") + server_text("ab") +
                             server_close(1000, "bye");
  on_each(echo, {}, [&](Server& server) {
    for (std::size_t cut = 0; cut < bytes.size(); cut++) {
      CAPTURE(cut);
      Wire wire(server);
      wire.send(bytes.substr(0, cut));
      server.reactor.turn(0ms);
      server.reactor.turn(0ms);
      wire.send(bytes.substr(cut));
      const std::string head = wire.read_until("\r\n\r\n");
      CHECK(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
      CHECK(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != head.npos);
      CHECK(head.find("Connection: Upgrade\r\n") != head.npos);
      CHECK(head.find("Upgrade: websocket\r\n") != head.npos);
      CHECK(head.find("Content-Length") == head.npos);
      std::string come = wire.read_to_end();
      // The pong may pass what the handler says.
      const std::string pong = server_frame(0x8a, "p");
      REQUIRE(come.find(pong) != come.npos);
      come.erase(come.find(pong), pong.size());
      CHECK(come == server_text("Hello") + server_text("ab") + server_close(1000, "bye"));
    }
  });
}

TEST_CASE("messages before a Close are handled before it is answered") {
  on_each(echo, {}, [](Server& server) {
    SocketWire wire(server);
    wire.send(text("1") + text("2") + text("3") + client_close(1001));
    wire.expect(server_text("1") + server_text("2") + server_text("3") + server_close(1001));
    wire.expect_end("");
  });
}

TEST_CASE("messages before a broken frame are handled before the client is told") {
  on_each(echo, {}, [](Server& server) {
    SocketWire wire(server);
    wire.send(text("1") + raw_client_frame(0xa1, "2") + text("3"));
    wire.expect(server_text("1"));
    wire.expect_end(server_close(1002, "a reserved bit is set that no extension defines"));
  });
}

TEST_CASE("a Close without a code is answered by one without a code") {
  on_each(receive_all, {}, [](Server& server) {
    SocketWire wire(server);
    wire.send(client_frame(Opcode::close, ""));
    wire.expect_end("\x88\x00"s);
    CHECK(g_seen.end.code == 1005);
  });
}

TEST_CASE("a handler that returns closes with 1000, one that throws with 1011") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    const auto message = co_await socket.receive();
    if (message->data == "throw") {
      throw std::runtime_error("on purpose");
    }
    if (message->data == "http") {
      throw HttpError(404);
    }
  };
  on_each(handler, {}, [](Server& server) {
    for (const auto& [word, code] : {std::pair{"return", 1000}, {"throw", 1011}, {"http", 1011}}) {
      SocketWire wire(server);
      wire.send(text(word));
      wire.expect(server_close(static_cast<std::uint16_t>(code)));
      wire.send(client_close(static_cast<std::uint16_t>(code)));
      wire.expect_end("");
    }
    CHECK(server.context.requests_served == 3);
  });
}

TEST_CASE("a handler that returns without a word has accepted") {
  on_each([](WebSocket) -> Task<void> { co_return; }, {},
          [](Server& server) {
            SocketWire wire(server);
            wire.expect_end(server_close(1000));
          });
}

TEST_CASE("a handler may refuse, and the connection goes on") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    co_await sleep_for(1ms);
    if (socket.offered_protocols().front() == "reject") {
      socket.reject(403, "not you");
      CHECK_THROWS_AS(socket.accept(), std::logic_error);
      co_return;
    }
    if (socket.offered_protocols().front() == "http") {
      throw HttpError(401);
    }
    throw std::runtime_error("on purpose");
  };
  on_each(handler, {}, [](Server& server) {
    Wire wire(server);
    CHECK(wire.ask(handshake("Sec-WebSocket-Protocol: reject\r\n"))
              .starts_with("HTTP/1.1 403 Forbidden\r\n"));
    CHECK(wire.ask(handshake("Sec-WebSocket-Protocol: http\r\n")).starts_with("HTTP/1.1 401 "));
    CHECK(wire.ask(handshake("Sec-WebSocket-Protocol: throw\r\n")).starts_with("HTTP/1.1 500 "));
    CHECK(wire.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 426 "));
  });
}

TEST_CASE("a subprotocol is the first of ours that the client offers, or what the handler says") {
  const WebSocketOptions options{.protocols = {"v2", "v1"}};
  on_each(
      [](WebSocket socket) -> Task<void> {
        socket.accept();
        co_await socket.send_text(socket.protocol());
      },
      {},
      [](Server& server) {
        SocketWire both(server, "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: x, v2\r\n");
        CHECK(both.head.find("Sec-WebSocket-Protocol: v2\r\n") != std::string::npos);
        both.expect(server_text("v2"));
      },
      options);
  const SocketHandler choosing = [](WebSocket socket) -> Task<void> {
    CHECK_THROWS_AS(socket.accept({.protocol = "y"}), std::invalid_argument);
    WebSocketAcceptance acceptance{.protocol = "x"};
    acceptance.fields.add("Set-Cookie", "a=b");
    socket.accept(std::move(acceptance));
    CHECK(socket.protocol() == "x");
    CHECK_THROWS_AS(socket.accept(), std::logic_error);
    CHECK_THROWS_AS(socket.reject(403), std::logic_error);
    co_return;
  };
  on_each(choosing, {}, [](Server& server) {
    SocketWire wire(server, "Sec-WebSocket-Protocol: v1, x\r\n");
    CHECK(wire.head.find("Sec-WebSocket-Protocol: x\r\n") != std::string::npos);
    CHECK(wire.head.find("Set-Cookie: a=b\r\n") != std::string::npos);
  });
}

TEST_CASE("the time of the request and the idle time end with the opening") {
  Settings settings;
  settings.request_timeout = 60ms;
  settings.keep_alive = 20ms;
  on_each(echo, settings, [](Server& server) {
    SocketWire wire(server);
    const auto later = Clock::now() + 200ms;
    server.turn_until([&] { return Clock::now() > later; });
    wire.send(text("still"));
    wire.expect(server_text("still"));
  });
  // Before the opening, it applies.
  on_each([](WebSocket) -> Task<void> { co_await sleep_for(1h); }, settings,
          [](Server& server) {
            Wire wire(server);
            CHECK(wire.ask(handshake()).starts_with("HTTP/1.1 504 "));
          });
}

TEST_CASE("a worker that drains closes with 1001, and hears out the client") {
  on_each(receive_all, {}, [](Server& server) {
    SocketWire wire(server);
    wire.send(text("before"));
    server.turn_until([] { return !g_seen.messages.empty(); });
    server.context.drain.set();
    wire.expect(server_close(1001, "the server is going away"));
    CHECK(g_seen.ended == 0);
    wire.send(text("on its way") + client_close(1001));
    wire.expect_end("");
    CHECK(g_seen.messages == std::vector{"before"s, "on its way"s});
    CHECK(g_seen.end.code == 1001);
    server.turn_until([&] { return wire.served(); });
    // One that is opened now is closed at once.
    SocketWire late(server);
    late.expect(server_close(1001, "the server is going away"));
  });
}

TEST_CASE("a worker that leaves in a hurry closes with 1001") {
  on_each(receive_all, {}, [](Server& server) {
    SocketWire wire(server);
    wire.cancel();
    CHECK(wire.read_to_end() == server_close(1001, "the server is going away"));
    server.turn_until([&] { return wire.served(); });
    CHECK(g_seen.ended == 0);
  });
}

TEST_CASE("a silent client is pinged again and again") {
  Settings settings;
  settings.websocket_ping_interval = 10ms;
  settings.websocket_ping_timeout = k_patience;
  on_each(receive_all, settings, [](Server& server) {
    SocketWire wire(server);
    for (int i = 0; i < 4; i++) {
      wire.expect("\x89\x00"s);
      wire.send(i % 2 == 0 ? client_frame(Opcode::pong, "") : text("as good as a pong"));
    }
    CHECK(g_seen.ended == 0);
  });
}

TEST_CASE("a client that does not answer a ping is given up") {
  Settings settings;
  settings.websocket_ping_interval = 10ms;
  settings.websocket_ping_timeout = 20ms;
  on_each(receive_all, settings, [](Server& server) {
    SocketWire wire(server);
    wire.expect("\x89\x00"s);
    CHECK(wire.read_to_end().empty());
    CHECK(g_seen.ended == 1);
    CHECK(g_seen.end.code == 1006);
  });
}

TEST_CASE("a client that does not answer a Close is cut off") {
  on_each([](WebSocket) -> Task<void> { co_return; }, quick_close(),
          [](Server& server) {
            SocketWire wire(server);
            wire.expect(server_close(1000));
            CHECK(wire.read_to_end().empty());
            server.turn_until([&] { return wire.served(); });
          });
}

TEST_CASE("a client that vanishes is the end of the messages") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    co_await receive_all(socket);
    CHECK_FALSE(socket.is_open());
    try {
      co_await socket.send_text("too late");
    } catch (const WebSocketClosed&) {
      g_seen.refused_sends++;
      throw;
    }
  };
  on_each(handler, {}, [](Server& server) {
    for (const bool half : {true, false}) {
      g_seen = {};
      SocketWire wire(server);
      wire.send(text("last") + "\x81");
      if (half) {
        wire.send_end();
      } else {
        wire.close();
      }
      server.turn_until([&] { return wire.served(); });
      CHECK(g_seen.messages == std::vector{"last"s});
      CHECK(g_seen.end.code == 1006);
      CHECK(g_seen.refused_sends == 1);
    }
  });
}

TEST_CASE("a handler that only sends learns of the end by sending") {
  const SocketHandler clock = [](WebSocket socket) -> Task<void> {
    try {
      for (;;) {
        co_await socket.send_text("tick");
        co_await sleep_for(1ms);
      }
    } catch (const WebSocketClosed&) {
      g_seen.refused_sends++;
      throw;
    }
  };
  on_each(clock, {}, [](Server& server) {
    SocketWire wire(server);
    wire.expect(server_text("tick"));
    wire.send(client_close(1000));
    const std::string rest = wire.read_to_end();
    CHECK(rest.ends_with(server_close(1000)));
    wire.close();
    server.turn_until([&] { return wire.served(); });
    CHECK(g_seen.refused_sends == 1);
  });
}

TEST_CASE("a handler that receives no more does not keep the client waiting for its Close") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    co_await socket.receive();
    try {
      for (;;) {
        co_await socket.send_text("tick");
        co_await sleep_for(5ms);
      }
    } catch (const WebSocketClosed&) {
      g_seen.refused_sends++;
    }
  };
  on_each(handler, {}, [](Server& server) {
    SocketWire wire(server);
    wire.send(text("subscribe") + client_close(1000));
    CHECK(wire.read_to_end().ends_with(server_close(1000)));
    wire.close();
    server.turn_until([&] { return wire.served(); });
    CHECK(g_seen.refused_sends == 1);
  });
}

TEST_CASE("a handler that goes on after the end is cancelled") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    co_await socket.receive();
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
      g_seen.cancelled++;
      throw;
    }
  };
  on_each(handler, quick_close(), [](Server& server) {
    SocketWire wire(server);
    wire.send(text("a") + client_close(1000));
    CHECK(wire.read_to_end() == server_close(1000));
    wire.close();
    server.turn_until([&] { return wire.served(); });
    CHECK(g_seen.cancelled == 1);
  });
}

TEST_CASE("what a handler closes with is sent, and must be something that may be") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    CHECK_THROWS_AS(socket.close(1005), std::invalid_argument);
    CHECK_THROWS_AS(socket.close(999), std::invalid_argument);
    CHECK_THROWS_AS(socket.close(1000, "\xff"), std::invalid_argument);
    socket.close(4001, "enough");
    socket.close(4002);
    CHECK_THROWS_AS(co_await socket.send_text("a"), WebSocketClosed);
    co_await receive_all(socket);
  };
  on_each(handler, {}, [](Server& server) {
    SocketWire wire(server);
    wire.expect(server_close(4001, "enough"));
    wire.send(text("was on its way") + client_close(4001, "fine"));
    wire.expect_end("");
    CHECK(g_seen.messages == std::vector{"was on its way"s});
    CHECK(g_seen.end.code == 4001);
    CHECK(g_seen.end.reason == "fine");
  });
}

TEST_CASE("text that is no UTF-8 cannot be sent") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    CHECK_THROWS_AS(co_await socket.send_text("\xff"), std::invalid_argument);
    co_await socket.send_binary("\xff");
  };
  on_each(handler, {}, [](Server& server) {
    SocketWire wire(server);
    wire.expect_end(server_frame(0x82, "\xff") + server_close(1000));
  });
}
