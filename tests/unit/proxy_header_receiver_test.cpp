// SPDX-License-Identifier: MIT
#include "net/proxy_header_receiver.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>

#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "reactor/reactor.hpp"
#include "socket_pair.hpp"

using namespace uringcorn;
using namespace uringcorn::net;
using namespace uringcorn::reactor;
using namespace std::chrono_literals;

namespace {

template <class Body>
void on_each_backend(Body body) {
  for (const BackendKind backend : {BackendKind::io_uring, BackendKind::epoll}) {
    CAPTURE(static_cast<int>(backend));
    Reactor reactor(
        {.backend = backend, .queue_entries = 64, .buffer_count = 4, .buffer_size = 64});
    body(reactor);
  }
}

/// Writes `bytes` in pieces of `piece_size`, each when the one before has been received.
Task<void> write_slowly(const SocketPair& pair, std::string_view bytes, std::size_t piece_size) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_size);
    pair.write(piece);
    bytes.remove_prefix(piece.size());
    co_await sleep_for(1ms);
  }
}

Task<std::string> receive_exactly(Stream& stream, std::size_t length) {
  std::string text;
  while (text.size() < length) {
    const Received received = co_await stream.receive();
    REQUIRE(received.status == IoStatus::ok);
    text += received.buffer.bytes();
  }
  co_return text;
}

const std::string k_line = "PROXY TCP4 192.0.2.7 198.51.100.1 56192 443\r\n";
const std::string k_request = "GET /the-request HTTP/1.1\r\nHost: shop.example\r\n\r\n";

}  // namespace

TEST_CASE("bytes that are given back are received again, and then what comes after them") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    Stream stream(std::move(pair.ours));
    auto body = [&]() -> Task<void> {
      pair.write("header.request");
      Received first = co_await stream.receive();
      CHECK(first.buffer.bytes() == "header.request");
      first.buffer.remove_prefix(7);
      stream.unread(std::move(first.buffer));
      CancelScope& scope = co_await current_scope();
      stream.begin_receive(scope, nullptr);
      pair.write("more");
      const Received again = co_await stream.receive();
      CHECK(again.status == IoStatus::ok);
      CHECK(again.buffer.bytes() == "request");
      Received more = co_await stream.receive();
      CHECK(more.buffer.bytes() == "more");
      CHECK_FALSE(stream.take_received().has_value());
      stream.unread(std::move(more.buffer));
      const std::optional<Received> taken = stream.take_received();
      REQUIRE(taken.has_value());
      CHECK(taken->buffer.bytes() == "more");
      CHECK_FALSE(stream.take_received().has_value());
    };
    reactor.run(body());
  });
}

TEST_CASE("giving back nothing is no end of the stream") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    Stream stream(std::move(pair.ours));
    auto body = [&]() -> Task<void> {
      pair.write("header.");
      Received first = co_await stream.receive();
      first.buffer.remove_prefix(7);
      stream.unread(std::move(first.buffer));
      pair.write("request");
      const Received more = co_await stream.receive();
      CHECK(more.buffer.bytes() == "request");
    };
    reactor.run(body());
  });
}

TEST_CASE("bytes given back and never received again cost no buffer") {
  on_each_backend([](Reactor& reactor) {
    for (int i = 0; i < 10; ++i) {
      SocketPair pair;
      Stream stream(std::move(pair.ours));
      auto body = [&]() -> Task<void> {
        pair.write("bytes");
        Received first = co_await stream.receive();
        REQUIRE(first.status == IoStatus::ok);
        stream.unread(std::move(first.buffer));
        co_await stream.abandon();
      };
      reactor.run(body());
    }
  });
}

TEST_CASE("a PROXY header is received in pieces of any size, and the request after it is whole") {
  const std::string bytes = k_line + k_request;
  for (std::size_t piece_size = 1; piece_size <= bytes.size(); piece_size += 5) {
    CAPTURE(piece_size);
    on_each_backend([&](Reactor& reactor) {
      SocketPair pair;
      Stream stream(std::move(pair.ours));
      auto body = [&]() -> Task<void> {
        const ReceivedProxyHeader received =
            co_await receive_proxy_header(stream, ProxyVersions::any);
        REQUIRE(received.status == IoStatus::ok);
        CHECK(received.has_bytes);
        REQUIRE(received.header.client.has_value());
        CHECK(received.header.client->address() == "192.0.2.7");
        const std::string request = co_await receive_exactly(stream, k_request.size());
        CHECK(request == k_request);
      };
      auto both = [&]() -> Task<void> {
        co_await when_all(write_slowly(pair, bytes, piece_size), body());
      };
      reactor.run(both());
    });
  }
}

TEST_CASE("a connection that ends or stalls before its PROXY header is complete is told apart") {
  on_each_backend([](Reactor& reactor) {
    const auto receive_after = [&reactor](std::string_view sent, bool ends) {
      SocketPair pair;
      Stream stream(std::move(pair.ours));
      if (!sent.empty()) {
        pair.write(sent);
      }
      if (ends) {
        pair.theirs.reset();
      }
      auto body = [&]() -> Task<ReceivedProxyHeader> {
        stream.set_receive_deadline(Reactor::current().now() + 20ms);
        ReceivedProxyHeader received = co_await receive_proxy_header(stream, ProxyVersions::any);
        co_return received;
      };
      return reactor.run(body());
    };
    const ReceivedProxyHeader silent = receive_after("", true);
    CHECK(silent.status == IoStatus::end);
    CHECK_FALSE(silent.has_bytes);
    const ReceivedProxyHeader cut = receive_after("PROXY TCP4 192", true);
    CHECK(cut.status == IoStatus::end);
    CHECK(cut.has_bytes);
    const ReceivedProxyHeader stalled = receive_after("PROXY TCP4 192", false);
    CHECK(stalled.status == IoStatus::timed_out);
    CHECK(stalled.has_bytes);
    const ReceivedProxyHeader plain = receive_after("GET", false);
    CHECK(plain.status == IoStatus::ok);
    CHECK(plain.header.error == ProxyHeaderError::not_a_header);
  });
}
