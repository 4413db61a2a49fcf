// SPDX-License-Identifier: MIT
// What a WebSocket does when one side is slower than the other: bounds, groups, large messages.
#include <memory>
#include <string>
#include <vector>

#include <uringcorn/task_group.hpp>

#include "allocation_counter.hpp"
#include "coro/frame_pool.hpp"
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
std::string server_text(std::string_view payload) {
  return server_frame(0x81, payload);
}

void on_each(const SocketHandler& handler, const Settings& settings,
             const std::function<void(Server&)>& body) {
  on_each_server(opening(handler), settings, body);
}

/// Sends as much as is taken within some turns of the server; gives the bytes.
std::size_t flood(Server& server, Wire& wire, const std::string& bytes, std::size_t most) {
  std::size_t sent = 0;
  for (int idle_turns = 0; idle_turns < 20 && sent < most;) {
    const std::size_t at = sent % bytes.size();
    const ssize_t now = ::send(wire.fd(), bytes.data() + at, bytes.size() - at, MSG_DONTWAIT);
    if (now > 0) {
      sent += static_cast<std::size_t>(now);
      idle_turns = 0;
    } else {
      idle_turns++;
    }
    server.reactor.turn(1ms);
  }
  return sent;
}

/// Reads one frame that a server sent, of any length: the first byte and the payload.
std::string read_frame(SocketWire& wire) {
  const auto take = [&wire](std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      const std::string more = wire.read_some(size - bytes.size());
      REQUIRE(!more.empty());
      bytes += more;
    }
    return bytes;
  };
  const std::string head = take(2);
  const int length_bytes = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
  std::size_t length = length_bytes == 0 ? static_cast<unsigned char>(head[1]) : 0;
  for (const char byte : take(static_cast<std::size_t>(length_bytes))) {
    length = length << 8 | static_cast<unsigned char>(byte);
  }
  return head.substr(0, 1) + take(length);
}

bool g_go = false;

/// Receives nothing until it may.
Task<void> wait_then_count(WebSocket socket) {
  socket.accept();
  while (!g_go) {
    co_await sleep_for(1ms);
  }
  std::size_t messages = 0;
  for (;;) {
    const std::optional<WebSocketMessage> message = co_await socket.receive();
    if (!message) {
      co_return;
    }
    messages++;
    if (message->data == "last") {
      co_await socket.send_text(std::to_string(messages));
    }
  }
}

}  // namespace

TEST_CASE("a client whose messages nobody receives has to wait") {
  Settings settings;
  settings.websocket_queue = 100'000;
  const std::string message = text(std::string(1000, 'x'));
  on_each(wait_then_count, settings, [&](Server& server) {
    g_go = false;
    SocketWire wire(server);
    const std::size_t sent = flood(server, wire, message, 50'000'000);
    CHECK(sent > 100'000);
    CHECK(sent < 2'000'000);  // the queue, and what the socket holds
    g_go = true;
    const std::size_t rest = message.size() - sent % message.size();
    wire.send(message.substr(message.size() - rest) + text("last"));
    CHECK(read_frame(wire) == "\x81" + std::to_string((sent + rest) / message.size() + 1));
  });
}

TEST_CASE("small messages are counted with what they take") {
  Settings settings;
  settings.websocket_queue = 100'000;
  on_each(wait_then_count, settings, [&](Server& server) {
    g_go = false;
    SocketWire wire(server);
    CHECK(flood(server, wire, text(""), 50'000'000) < 2'000'000);
  });
}

TEST_CASE("a sender waits for a client that does not read") {
  static std::size_t sent = 0;
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    for (sent = 0;; sent++) {
      co_await socket.send_binary(std::string(10'000, 'x'));
    }
  };
  on_each(handler, {}, [](Server& server) {
    SocketWire wire(server);
    std::size_t before = 1;
    while (before != sent) {
      before = sent;
      for (int i = 0; i < 20; i++) {
        server.reactor.turn(1ms);
      }
    }
    CHECK(sent * 10'000 < 2'000'000);
    const std::size_t waiting = sent;
    for (std::size_t i = 0; i < waiting + 50; i++) {
      CHECK(read_frame(wire).size() == 10'001);
    }
  });
}

TEST_CASE("a client that takes nothing for --write-timeout is given up") {
  Settings settings;
  settings.write_timeout = 30ms;
  settings.websocket_close_timeout = 30ms;
  static int refused = 0;
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    try {
      for (;;) {
        co_await socket.send_binary(std::string(10'000, 'x'));
      }
    } catch (const WebSocketClosed&) {
      refused++;
      throw;
    }
  };
  on_each(handler, settings, [](Server& server) {
    refused = 0;
    SocketWire wire(server);
    server.turn_until([&] { return wire.served(); });
    CHECK(refused == 1);
  });
}

TEST_CASE("a large message goes out in fragments, and a pong may pass between") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    socket.accept();
    TaskGroup group(co_await current_scope());
    const std::string large(1'000'000, 'l');
    group.spawn(socket.send_binary(large));
    group.spawn(socket.send_text("behind it"));
    co_await echo(socket);
    co_await group.join();
  };
  on_each(handler, {}, [](Server& server) {
    SocketWire wire(server);
    wire.send(client_frame(Opcode::ping, "now"));
    std::string large;
    int pongs = 0;
    bool is_over = false;
    while (!is_over) {
      const std::string frame = read_frame(wire);
      if (frame[0] == '\x8a') {
        CHECK(frame == "\x8anow");
        pongs++;
        continue;
      }
      CHECK((frame[0] & 0x7f) == (large.empty() ? 2 : 0));
      large += frame.substr(1);
      is_over = (frame[0] & 0x80) != 0;
      wire.send(is_over ? text("then this") : "");
    }
    CHECK(large == std::string(1'000'000, 'l'));
    CHECK(pongs == 1);
    wire.expect(server_text("behind it") + server_text("then this"));
  });
}

TEST_CASE("a large message that is cut off closes the WebSocket") {
  const SocketHandler handler = [](WebSocket socket) -> Task<void> {
    const std::string large(10'000'000, 'l');
    CHECK_THROWS_AS(co_await with_timeout(10ms, socket.send_binary(large)), DeadlineExceeded);
    CHECK_FALSE(socket.is_open());
    CHECK_THROWS_AS(co_await socket.send_text("no"), WebSocketClosed);
  };
  on_each(handler, {}, [](Server& server) {
    SocketWire wire(server);
    for (int i = 0; i < 100; i++) {
      server.reactor.turn(1ms);
    }
    const std::string last = "\x88" + close_payload(1011, "a message was cut off");
    for (std::string frame = read_frame(wire); frame != last; frame = read_frame(wire)) {
      CHECK((frame[0] & 0x80) == 0);
    }
  });
}

TEST_CASE("answers to messages that came together go out together") {
  on_each(echo, {}, [](Server& server) {
    SocketWire wire(server);
    std::string many;
    std::string answers;
    for (int i = 0; i < 50; i++) {
      many += text(std::to_string(i));
      answers += server_text(std::to_string(i));
    }
    wire.send(many);
    CHECK(wire.receive() == answers);
  });
}

// ---- groups

namespace {

struct Room {
  explicit Room(WebSocketGroup::WhenSlow when_slow) : group(when_slow) {}
  WebSocketGroup group;
};
Room* g_room = nullptr;

Task<void> chat(WebSocket socket) {
  const WebSocketGroup::Member member(g_room->group, socket);
  for (;;) {
    const std::optional<WebSocketMessage> message = co_await socket.receive();
    if (!message) {
      co_return;
    }
    g_room->group.send(*message, message->data == "to the others" ? &member : nullptr);
  }
}

void in_each_room(WebSocketGroup::WhenSlow when_slow, const Settings& settings,
                  const std::function<void(Server&)>& body) {
  on_each(chat, settings, [&](Server& server) {
    Room room(when_slow);
    g_room = &room;
    body(server);
    g_room = nullptr;
  });
}

}  // namespace

TEST_CASE("a group sends to all its members, or to all but one") {
  in_each_room(WebSocketGroup::WhenSlow::close, {}, [](Server& server) {
    CHECK(g_room->group.size() == 0);
    SocketWire a(server);
    SocketWire b(server);
    {
      SocketWire c(server);
      CHECK(g_room->group.size() == 3);
      c.send(text("hello"));
      for (SocketWire* wire : {&a, &b, &c}) {
        wire->expect(server_text("hello"));
      }
    }
    server.turn_until([] { return g_room->group.size() == 2; });
    a.send(text("to the others"));
    b.expect(server_text("to the others"));
    a.send(text("last"));
    a.expect(server_text("last"));
    CHECK_THROWS_AS(g_room->group.send_text("\xff"), std::invalid_argument);
    g_room->group.send_binary("\xff");
    a.expect(server_frame(0x82, "\xff"));
  });
}

TEST_CASE("a slow member stops nobody, and is closed with 1008") {
  Settings settings;
  settings.websocket_queue = 50'000;
  settings.websocket_close_timeout = k_patience;
  in_each_room(WebSocketGroup::WhenSlow::close, settings, [](Server& server) {
    SocketWire slow(server);
    SocketWire quick(server);
    const std::string payload(10'000, 'm');
    for (int i = 0; i < 300; i++) {
      quick.send(text(payload));
      CHECK(read_frame(quick) == "\x81" + payload);
    }
    int taken = 0;
    std::string frame = read_frame(slow);
    for (; frame == "\x81" + payload; frame = read_frame(slow)) {
      taken++;
    }
    CHECK(frame == "\x88" + close_payload(1008, "messages were not taken in time"));
    CHECK(taken < 100);
  });
}

TEST_CASE("a slow member may miss messages instead") {
  Settings settings;
  settings.websocket_queue = 50'000;
  in_each_room(WebSocketGroup::WhenSlow::skip, settings, [](Server& server) {
    SocketWire slow(server);
    SocketWire quick(server);
    const std::string payload(10'000, 'm');
    for (int i = 0; i < 300; i++) {
      quick.send(text(payload));
      CHECK(read_frame(quick) == "\x81" + payload);
    }
    quick.send(text("end"));
    CHECK(read_frame(quick) == "\x81"s + "end");
    int taken = 0;
    // It reads again, and gets again what is sent.
    while (taken < 300) {
      const std::string come = slow.receive();
      taken++;
      if (come.size() < 4096) {
        break;
      }
    }
    CHECK(taken < 300);
    for (bool is_there = false; !is_there;) {
      g_room->group.send_text("again");
      is_there = slow.receive().ends_with(server_text("again"));
    }
  });
}

// ---- memory

namespace {

constexpr int k_sockets = 100;
constexpr std::ptrdiff_t k_bytes_max = 9 * 1024;

}  // namespace

TEST_CASE("an idle WebSocket takes little memory") {
  if (!counts_allocations()) {
    return;
  }
  on_each(echo, {}, [](Server& server) {
    std::vector<std::unique_ptr<SocketWire>> wires;
    wires.reserve(k_sockets);
    for (int i = 0; i < 3; i++) {
      SocketWire wire(server);
      wire.send(text("warm"));
      wire.expect(server_text("warm"));
    }
    coro::release_pooled_frames();
    const std::ptrdiff_t before = allocations().live_bytes;
    for (int i = 0; i < k_sockets; i++) {
      wires.push_back(std::make_unique<SocketWire>(server));
      wires.back()->send(text("warm"));
      wires.back()->expect(server_text("warm"));
    }
    const std::ptrdiff_t each =
        (allocations().live_bytes - before) / k_sockets - static_cast<int>(sizeof(SocketWire));
    MESSAGE("an idle WebSocket takes ", each, " bytes");
    CHECK(each <= k_bytes_max);
  });
}
