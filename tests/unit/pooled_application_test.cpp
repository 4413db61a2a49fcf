// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <uringcorn/background.hpp>
#include <uringcorn/offload.hpp>
#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "app/background.hpp"
#include "app/pool.hpp"
#include "h1_wire.hpp"
#include "reactor/across.hpp"
#include "worker/pooled_application.hpp"

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::chrono_literals;

namespace {

/// A worker of class threads (or sync, with a turn) without a process.
class Place {
 public:
  explicit Place(reactor::BackendKind backend, tests::Handler handler, unsigned threads = 3,
                 std::size_t queue = 1000, bool one_at_a_time = false)
      : application_(std::move(handler)),
        pool_(threads, queue),
        pooled_(application_, pool_, one_at_a_time ? &turn_ : nullptr),
        server_(backend, [this](Request& request) { return pooled_.handle(request); }) {
    app::set_pool(&pool_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { app::set_pool(nullptr); }

  Server& server() noexcept { return server_; }

 private:
  OneHandler application_;
  coro::ThreadPool pool_;
  worker::Turn turn_{[](bool) {}};
  worker::PooledApplication pooled_;
  Server server_;
};

template <class Body>
void on_each_place(const tests::Handler& handler, Body body, bool one_at_a_time = false) {
  for (const auto backend : {reactor::BackendKind::io_uring, reactor::BackendKind::epoll}) {
    CAPTURE(static_cast<int>(backend));
    Place place(backend, handler, 3, 1000, one_at_a_time);
    body(place.server());
  }
}

std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

/// Does something of everything that a handler can do.
Task<Response> mixed(Request& request) {
  const std::string_view path = request.path();
  if (path == "/text") {
    std::string text = co_await request.text();
    co_return Response::text(text);
  }
  if (path == "/sleep") {
    co_await sleep_for(1ms);
    co_return Response::text(std::string(request.query("name").value_or("nobody")));
  }
  if (path == "/offload") {
    std::string text = co_await offload([] { return std::string("offloaded"); });
    co_return Response::text(text);
  }
  if (path == "/race") {
    auto slow = []() -> Task<void> { co_await sleep_for(1h); }();
    auto quick = []() -> Task<void> { co_await sleep_for(1ms); }();
    const auto winner = co_await first_of(std::move(slow), std::move(quick));
    co_return Response::text(std::to_string(winner.index()));
  }
  if (path == "/stream") {
    co_return Response::stream([&request](BodyWriter& writer) -> Task<void> {
      for (int i = 0; i < 3; ++i) {
        co_await writer.write(request.target());
        co_await sleep_for(1ms);
      }
    });
  }
  if (path == "/echo") {
    co_return Response::stream([&request](BodyWriter& writer) -> Task<void> {
      for (;;) {
        const std::string_view piece = co_await request.body().read();
        if (piece.empty()) {
          co_return;
        }
        co_await writer.write(piece);
      }
    });
  }
  if (path == "/throw") {
    throw std::runtime_error("as asked");
  }
  co_return Response::text("plain");
}

}  // namespace

TEST_CASE("handlers on threads wait for bodies, sleeps, each other and the client") {
  on_each_place(mixed, [](Server& server) {
    Wire wire(server);
    CHECK(wire.ask(get("/sleep?name=Ada")).ends_with("Ada"));
    CHECK(wire.ask("POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
              .ends_with("hello"));
    CHECK(wire.ask(get("/offload")).ends_with("offloaded"));
    CHECK(wire.ask(get("/race")).ends_with("1"));
    CHECK(wire.ask(get("/throw")).starts_with("HTTP/1.1 500 "));
    wire.send(get("/stream"));
    CHECK(wire.read_until("0\r\n\r\n").find("7\r\n/stream\r\n7\r\n/stream\r\n7\r\n/stream\r\n") !=
          std::string::npos);
    CHECK(wire.ask(get("/")).ends_with("plain"));
  });
}

TEST_CASE("thousands of requests at a time on threads, of all kinds") {
  constexpr int k_connections = 60;
  constexpr int k_rounds = 10;
  const std::string body = "bodybody";
  on_each_place(mixed, [&body](Server& server) {
    std::vector<std::unique_ptr<Wire>> wires;
    for (int i = 0; i < k_connections; ++i) {
      wires.push_back(std::make_unique<Wire>(server));
    }
    int sent = 0;
    for (int round = 0; round < k_rounds; ++round) {
      for (const auto& wire : wires) {
        wire->send(get("/sleep?name=A") + get("/offload") + post("/text", body) + get("/race") +
                   get("/stream") + post("/echo", body) + get("/"));
        sent += 7;
      }
      for (const auto& wire : wires) {
        CHECK(wire->read_answer().ends_with("A"));
        CHECK(wire->read_answer().ends_with("offloaded"));
        CHECK(wire->read_answer().ends_with(body));
        CHECK(wire->read_answer().ends_with("1"));
        CHECK(wire->read_until("\r\n0\r\n\r\n").starts_with("HTTP/1.1 200 "));
        CHECK(wire->read_until("\r\n0\r\n\r\n").find("bodybody") != std::string::npos);
        CHECK(wire->read_answer().ends_with("plain"));
      }
    }
    CHECK(sent == 7 * k_connections * k_rounds);
  });
}

TEST_CASE("clients that leave at any moment cost a worker of threads nothing") {
  on_each_place(mixed, [](Server& server) {
    for (int i = 0; i < 100; ++i) {
      Wire wire(server);
      wire.send(get("/sleep") + get("/race") + get("/stream"));
      server.reactor.turn(std::chrono::microseconds(i * 20));
      if (i % 2 == 0) {
        wire.close();
      } else {
        wire.cancel();
      }
    }
    Wire wire(server);
    CHECK(wire.ask(get("/")).ends_with("plain"));
  });
}

TEST_CASE("one at a time, in the order in which they came") {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto handler = [&](Request&) -> Task<Response> {
    most = std::max<int>(most, ++inside);
    co_await sleep_for(1ms);
    inside--;
    co_return Response::stream([&](BodyWriter& writer) -> Task<void> {
      most = std::max<int>(most, ++inside);
      co_await sleep_for(1ms);
      co_await writer.write("streamed");
      inside--;
    });
  };
  on_each_place(
      handler,
      [](Server& server) {
        std::vector<std::unique_ptr<Wire>> wires;
        for (int i = 0; i < 20; ++i) {
          wires.push_back(std::make_unique<Wire>(server));
          wires.back()->send(get("/"));
        }
        wires[7]->close();
        for (int i = 0; i < 20; ++i) {
          if (i != 7) {
            CHECK(wires[static_cast<std::size_t>(i)]->read_until("0\r\n\r\n").find("streamed") !=
                  std::string::npos);
          }
        }
      },
      true);
  CHECK(most == 1);
}

TEST_CASE("a full pool answers 503 with Retry-After, and keeps what it has begun with") {
  for (const auto backend : {reactor::BackendKind::io_uring, reactor::BackendKind::epoll}) {
    std::atomic<bool> release = false;
    const auto handler = [&](Request& request) -> Task<Response> {
      while (request.path() == "/block" && !release) {
        std::this_thread::yield();
      }
      co_return Response::text("done");
    };
    Place place(backend, handler, 1, 0);
    Wire blocked(place.server());
    Wire refused(place.server());
    blocked.send(get("/block"));
    std::string answer;
    while (!answer.starts_with("HTTP/1.1 503 ")) {
      answer = refused.ask(get("/"));
    }
    CHECK(answer.find("\r\nRetry-After: 1\r\n") != std::string::npos);
    release = true;
    CHECK(blocked.read_answer().ends_with("done"));
    // The thread is free a moment after its answer.
    while (answer.starts_with("HTTP/1.1 503 ")) {
      answer = refused.ask(get("/"));
    }
    CHECK(answer.ends_with("done"));
  }
}

TEST_CASE("a background task that was spawned on a thread runs on one, and is awaited") {
  reactor::Reactor reactor({.backend = reactor::BackendKind::epoll});
  coro::ThreadPool pool(2, 10);
  std::atomic<bool> ran_elsewhere = false;
  std::atomic<bool> cancelled = false;
  const auto main_thread = std::this_thread::get_id();
  const auto background = [&]() -> Task<void> {
    ran_elsewhere = std::this_thread::get_id() != main_thread;
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
      cancelled = true;
      throw;
    }
  };
  const auto handle = [&]() -> Task<void> {
    spawn(background());
    co_return;
  };
  const auto live = [&]() -> Task<void> {
    CancelScope& scope = co_await current_scope();
    TaskGroup group(scope);
    app::set_background_tasks(&group, &pool);
    co_await reactor::run_on_pool<void>(pool, reactor::Admission::bounded, handle);
    while (!ran_elsewhere) {
      co_await sleep_for(1ms);
    }
    app::set_background_tasks(nullptr);
    group.cancel();
    co_await group.join();
  };
  reactor.run(live());
  CHECK(cancelled);
}

TEST_CASE("offload on the reactor runs on a thread; without a worker it says so") {
  reactor::Reactor reactor({.backend = reactor::BackendKind::epoll});
  const auto where = []() -> Task<std::thread::id> {
    co_return co_await offload([] { return std::this_thread::get_id(); });
  };
  CHECK_THROWS_AS(reactor.run(where()), std::logic_error);
  coro::ThreadPool pool(1, 10);
  app::set_pool(&pool);
  CHECK(reactor.run(where()) != std::this_thread::get_id());
  const auto fails = []() -> Task<void> {
    co_await offload([] { throw HttpError(418, "short and stout"); });
  };
  CHECK_THROWS_WITH_AS(reactor.run(fails()), "short and stout", HttpError);
  app::set_pool(nullptr);
}
