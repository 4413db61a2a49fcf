// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "coro/frame_pool.hpp"
#include "net/stream.hpp"
#include "reactor/reactor.hpp"
#include "socket_pair.hpp"

using namespace uringcorn;
using namespace uringcorn::reactor;
using namespace std::chrono_literals;

namespace {

constexpr std::array k_backends{BackendKind::io_uring, BackendKind::epoll};

Reactor::Options options_for(BackendKind backend, std::uint16_t buffers = 16) {
  return {.backend = backend, .queue_entries = 64, .buffer_count = buffers, .buffer_size = 4096};
}

/// A listening socket on a free loopback port, and its address.
struct TestListener {
  UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};

  explicit TestListener(BackendKind backend) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd.get(), 16) == 0);
    socklen_t length = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    if (backend == BackendKind::epoll) {
      ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    }
  }
};

Task<std::string> receive_text(int socket) {
  Receive receive(socket);
  BufferResult result = co_await receive;
  REQUIRE(result.error == 0);
  co_return std::string(result.buffer.bytes());
}

Task<int> receive_error(int socket) {
  Receive receive(socket);
  const BufferResult result = co_await receive;
  co_return result.error;
}

void on_each_backend(void (*body)(Reactor&)) {
  for (const BackendKind backend : k_backends) {
    CAPTURE(static_cast<int>(backend));
    Reactor reactor(options_for(backend));
    body(reactor);
  }
}

}  // namespace

TEST_CASE("accept, connect, send and receive carry bytes") {
  on_each_backend([](Reactor& reactor) {
    TestListener listener(reactor.backend());
    auto serve = [](int fd) -> Task<std::string> {
      Accept accept(fd);
      FdResult accepted = co_await accept;
      REQUIRE(accepted.error == 0);
      std::string text = co_await receive_text(accepted.fd.get());
      Reactor::current().close(std::move(accepted.fd));
      co_return text;
    };
    auto call = [](const sockaddr_in& address) -> Task<std::size_t> {
      UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      Connect connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
      const int error = co_await connect;
      REQUIRE(error == 0);
      Send send(socket.get(), "hello");
      const CountResult sent = co_await send;
      Reactor::current().close(std::move(socket));
      co_return sent.count;
    };
    const auto [text, count] =
        reactor.run(when_all(serve(listener.fd.get()), call(listener.address)));
    CHECK(text == "hello");
    CHECK(count == 5);
  });
}

TEST_CASE("an accept tells who has connected, each time anew") {
  on_each_backend([](Reactor& reactor) {
    TestListener listener(reactor.backend());
    auto take_two = [](const TestListener& listener) -> Task<void> {
      Accept accept(listener.fd.get());
      for (int i = 0; i < 2; i++) {
        const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&listener.address),
                          sizeof listener.address) == 0);
        sockaddr_in own{};
        socklen_t length = sizeof own;
        ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &length);
        const FdResult accepted = co_await accept;
        REQUIRE(accepted.error == 0);
        const auto& peer = reinterpret_cast<const sockaddr_in&>(accept.peer());
        CHECK(peer.sin_family == AF_INET);
        CHECK(peer.sin_addr.s_addr == own.sin_addr.s_addr);
        CHECK(peer.sin_port == own.sin_port);
      }
    };
    reactor.run(take_two(listener));
  });
}

TEST_CASE("a receive that expects bytes takes those that are there, and waits for others") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    Receive receive(pair.ours.get());
    auto read = [](Receive& receive) -> Task<std::string> {
      receive.expect_bytes();
      const BufferResult result = co_await receive;
      co_return std::string(result.buffer.bytes());
    };
    auto write_later = [](int fd) -> Task<void> {
      co_await sleep_for(20ms);
      REQUIRE(::write(fd, "later", 5) == 5);
    };
    REQUIRE(::write(pair.theirs.get(), "at once", 7) == 7);
    CHECK(reactor.run(read(receive)) == "at once");
    const auto [text, none] = reactor.run(when_all(read(receive), write_later(pair.theirs.get())));
    CHECK(text == "later");
    reactor.close(std::move(pair.ours));
  });
}

TEST_CASE("an accept waits on a listener that is non-blocking") {
  on_each_backend([](Reactor& reactor) {
    TestListener listener(reactor.backend());
    ::fcntl(listener.fd.get(), F_SETFL, O_NONBLOCK);
    auto serve = [](int fd) -> Task<int> {
      Accept accept(fd);
      const FdResult accepted = co_await accept;
      co_return accepted.error;
    };
    auto call = [](const sockaddr_in& address) -> Task<void> {
      co_await sleep_for(20ms);
      UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    };
    const auto [error, none] =
        reactor.run(when_all(serve(listener.fd.get()), call(listener.address)));
    CHECK(error == 0);
  });
}

TEST_CASE("a connect that is refused says so") {
  on_each_backend([](Reactor& reactor) {
    sockaddr_in address{};
    {
      TestListener gone(reactor.backend());
      address = gone.address;
    }
    auto call = [](const sockaddr_in& to) -> Task<int> {
      UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      Connect connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
      const int error = co_await connect;
      Reactor::current().close(std::move(socket));
      co_return error;
    };
    CHECK(reactor.run(call(address)) == ECONNREFUSED);
  });
}

TEST_CASE("a receive ends with no bytes at the end of the stream") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    pair.theirs.reset();
    CHECK(reactor.run(receive_text(pair.ours.get())).empty());
    reactor.close(std::move(pair.ours));
  });
}

TEST_CASE("bytes that came before the end are received before it") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    const std::string large(10'000, 'x');
    REQUIRE(::write(pair.theirs.get(), large.data(), large.size()) == 10'000);
    pair.theirs.reset();
    auto all = [](int fd) -> Task<std::string> {
      std::string text;
      for (;;) {
        std::string more = co_await receive_text(fd);
        if (more.empty()) {
          co_return text;
        }
        text += more;
      }
    };
    CHECK(reactor.run(all(pair.ours.get())) == large);
    reactor.close(std::move(pair.ours));
  });
}

TEST_CASE("poll sees readiness, and a broken pipe without being asked") {
  on_each_backend([](Reactor& reactor) {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    UniqueFd reader(fds[0]);
    UniqueFd writer(fds[1]);
    auto wait = [](int fd, std::uint32_t events) -> Task<int> {
      Poll poll(fd, events);
      const int ready = co_await poll;
      co_return ready;
    };
    REQUIRE(::write(writer.get(), "x", 1) == 1);
    CHECK((reactor.run(wait(reader.get(), POLLIN)) & POLLIN) != 0);
    reactor.close(std::move(reader));
    CHECK((reactor.run(wait(writer.get(), 0)) & POLLERR) != 0);
    reactor.close(std::move(writer));
  });
}

TEST_CASE("read takes bytes of a file at an offset") {
  on_each_backend([](Reactor& reactor) {
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    std::fputs("0123456789", file);
    std::fflush(file);
    auto read_at = [](int fd) -> Task<std::string> {
      std::array<std::byte, 4> bytes{};
      Read read(fd, bytes, 3);
      const CountResult result = co_await read;
      REQUIRE(result.error == 0);
      co_return std::string(reinterpret_cast<const char*>(bytes.data()), result.count);
    };
    CHECK(reactor.run(read_at(::fileno(file))) == "3456");
    std::fclose(file);
  });
}

TEST_CASE("sleeps end in the order of their deadlines and never early") {
  on_each_backend([](Reactor& reactor) {
    std::vector<int> order;
    auto nap = [&order](std::chrono::milliseconds time, int number) -> Task<void> {
      const auto start = Clock::now();
      co_await sleep_for(time);
      CHECK(Clock::now() - start >= time);
      order.push_back(number);
    };
    reactor.run(when_all(nap(90ms, 3), nap(5ms, 1), nap(70ms, 2), nap(0ms, 0)));
    CHECK(order == std::vector<int>{0, 1, 2, 3});
  });
}

TEST_CASE("a cancelled scope ends each kind of wait") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    TestListener listener(reactor.backend());
    auto expect = [](Task<int> wait) -> Task<void> {
      const int error = co_await std::move(wait);
      CHECK(error == ECANCELED);
    };
    auto accept = [](int fd) -> Task<int> {
      Accept operation(fd);
      const FdResult result = co_await operation;
      co_return result.error;
    };
    auto poll = [](int fd) -> Task<int> {
      Poll operation(fd, POLLIN);
      const int result = co_await operation;
      co_return -result;
    };
    auto sleep = []() -> Task<int> {
      try {
        co_await sleep_for(1h);
      } catch (const Cancelled&) {
        co_return ECANCELED;
      }
      co_return 0;
    };
    SocketPair other;
    auto all = [&](TaskGroup& group) -> Task<void> {
      group.spawn(expect(accept(listener.fd.get())));
      group.spawn(expect(poll(other.ours.get())));
      group.spawn(expect(receive_error(pair.ours.get())));
      group.spawn(expect(sleep()));
      co_await sleep_for(10ms);
      CHECK(group.size() == 4);
      group.cancel();
    };
    reactor.run(with_task_group(all));
    // In a scope that is cancelled already, an operation is not even begun.
    CancelScope cancelled;
    cancelled.cancel();
    CHECK(reactor.run(receive_error(pair.ours.get()), cancelled) == ECANCELED);
    reactor.close(std::move(pair.ours));
    reactor.close(std::move(other.ours));
  });
}

TEST_CASE("an operation cancelled in the turn in which it was started ends") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    auto body = [](int fd) -> Task<int> {
      CancelScope scope;
      Receive receive(fd);
      receive.start(&scope);
      scope.cancel();
      scope.cancel();
      const BufferResult result = co_await receive;
      co_return result.error;
    };
    CHECK(reactor.run(body(pair.ours.get())) == ECANCELED);
    reactor.close(std::move(pair.ours));
  });
}

TEST_CASE("an operation that completed before its cancellation keeps its result") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    REQUIRE(::write(pair.theirs.get(), "data", 4) == 4);
    auto body = [](int fd) -> Task<std::string> {
      CancelScope scope;
      Receive receive(fd);
      receive.start(&scope);
      while (receive.in_flight()) {
        co_await sleep_for(1ms);
      }
      scope.cancel();
      BufferResult result = co_await receive;
      co_return std::string(result.buffer.bytes());
    };
    CHECK(reactor.run(body(pair.ours.get())) == "data");
    reactor.close(std::move(pair.ours));
  });
}

TEST_CASE("with_timeout cancels and awaits what is late, and leaves the rest alone") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    auto quick = []() -> Task<int> {
      co_await sleep_for(1ms);
      co_return 5;
    };
    auto slow = []() -> Task<int> {
      co_await sleep_for(1h);
      co_return 5;
    };
    CHECK(reactor.run(with_timeout(1h, quick())) == 5);
    CHECK_THROWS_AS(reactor.run(with_timeout(5ms, slow())), DeadlineExceeded);
    CancelScope cancelled;
    cancelled.cancel();
    CHECK_THROWS_AS(reactor.run(with_timeout(1h, slow()), cancelled), Cancelled);
  });
}

TEST_CASE("receives that find no buffer wait for one and all are served") {
  for (const BackendKind backend : k_backends) {
    Reactor reactor(options_for(backend, 2));
    constexpr int k_receivers = 20;
    std::vector<SocketPair> pairs(k_receivers);
    int served = 0;
    auto hold = [&served](int fd) -> Task<void> {
      Receive receive(fd);
      const BufferResult result = co_await receive;
      CHECK(result.buffer.bytes() == "x");
      co_await sleep_for(2ms);
      served++;
    };
    auto all = [&](TaskGroup& group) -> Task<void> {
      for (const SocketPair& pair : pairs) {
        group.spawn(hold(pair.ours.get()));
      }
      for (const SocketPair& pair : pairs) {
        REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
      }
      co_return;
    };
    reactor.run(with_task_group(all));
    CHECK(served == k_receivers);
    CHECK(reactor.counters().buffer_starvation > 0);
    CHECK(reactor.counters().turns < 2000);
    for (SocketPair& pair : pairs) {
      reactor.close(std::move(pair.ours));
    }
  }
}

TEST_CASE("a receive that waits for a buffer can be cancelled") {
  for (const BackendKind backend : k_backends) {
    Reactor reactor(options_for(backend, 1));
    SocketPair first;
    SocketPair second;
    auto body = [&]() -> Task<void> {
      REQUIRE(::write(first.theirs.get(), "1", 1) == 1);
      REQUIRE(::write(second.theirs.get(), "2", 1) == 1);
      Receive holder(first.ours.get());
      const BufferResult held = co_await holder;
      CHECK(held.buffer.bytes() == "1");
      CancelScope scope;
      Receive starved(second.ours.get());
      starved.start(&scope);
      co_await sleep_for(10ms);
      CHECK(starved.in_flight());
      scope.cancel();
      const BufferResult result = co_await starved;
      CHECK(result.error == ECANCELED);
    };
    reactor.run(body());
    reactor.close(std::move(first.ours));
    reactor.close(std::move(second.ours));
  }
}

TEST_CASE("work posted from other threads runs on the reactor's thread") {
  on_each_backend([](Reactor& reactor) {
    constexpr int k_posts = 1000;
    const auto here = std::this_thread::get_id();
    int ran = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([&] {
        for (int n = 0; n < k_posts; n++) {
          reactor.post([&] {
            CHECK(std::this_thread::get_id() == here);
            ran++;
          });
        }
      });
    }
    while (ran < 4 * k_posts) {
      reactor.turn();
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(ran == 4 * k_posts);
  });
}

TEST_CASE("a peer that takes nothing times a send out; one that reads gets every byte") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    net::Stream stream(std::move(pair.ours));
    const std::string large(4'000'000, 'y');
    auto stalled = [&]() -> Task<net::IoStatus> {
      const net::IoStatus status = co_await stream.send(large, 30ms);
      co_return status;
    };
    CHECK(reactor.run(stalled()) == net::IoStatus::timed_out);
    std::size_t got = 0;
    std::thread reader([&] {
      std::array<char, 65536> bytes;
      for (ssize_t n = 1; n > 0; got += static_cast<std::size_t>(n)) {
        n = ::read(pair.theirs.get(), bytes.data(), bytes.size());
      }
    });
    auto whole = [&]() -> Task<net::IoStatus> {
      const net::IoStatus status = co_await stream.send(large, 30s);
      ::shutdown(stream.fd(), SHUT_WR);
      co_return status;
    };
    CHECK(reactor.run(whole()) == net::IoStatus::ok);
    reader.join();
    CHECK(got > large.size());
  });
}

TEST_CASE("a receive deadline ends a receive, a later one takes its place at no cost") {
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    net::Stream stream(std::move(pair.ours));
    auto body = [&]() -> Task<void> {
      const auto start = Clock::now();
      stream.set_receive_deadline(start + 10ms);
      stream.set_receive_deadline(start + 40ms);
      const net::Received late = co_await stream.receive();
      CHECK(late.status == net::IoStatus::timed_out);
      CHECK(Clock::now() - start >= 40ms);
      stream.set_receive_deadline(Clock::time_point::max());
      REQUIRE(::write(pair.theirs.get(), "more", 4) == 4);
      const net::Received more = co_await stream.receive();
      CHECK(more.buffer.bytes() == "more");
      // A deadline that has passed ends the next receive, too.
      stream.set_receive_deadline(Clock::now() - 1s);
      const net::Received passed = co_await stream.receive();
      CHECK(passed.status == net::IoStatus::timed_out);
    };
    reactor.run(body());
  });
}

TEST_CASE("a watcher learns of bytes and of the end while nobody receives") {
  struct Watcher final : net::ReceiveWatcher {
    std::vector<net::IoStatus> seen;
    void receive_ready(net::IoStatus status) noexcept override { seen.push_back(status); }
  };
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    net::Stream stream(std::move(pair.ours));
    Watcher watcher;
    auto body = [&]() -> Task<void> {
      CancelScope& scope = co_await current_scope();
      stream.begin_receive(scope, &watcher);
      REQUIRE(::write(pair.theirs.get(), "ahead", 5) == 5);
      while (watcher.seen.empty()) {
        co_await sleep_for(1ms);
      }
      const net::Received ahead = co_await stream.receive();
      CHECK(ahead.buffer.bytes() == "ahead");
      stream.begin_receive(scope, &watcher);
      pair.theirs.reset();
      while (watcher.seen.size() < 2) {
        co_await sleep_for(1ms);
      }
      CHECK(watcher.seen[0] == net::IoStatus::ok);
      CHECK(watcher.seen[1] == net::IoStatus::end);
      co_await stream.abandon();
    };
    reactor.run(body());
  });
}

TEST_CASE("an operation destroyed in flight aborts with a message") {
  for (const BackendKind backend : k_backends) {
    int output[2];
    REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(output[1], STDERR_FILENO);
      ::signal(SIGABRT, SIG_DFL);
      Reactor reactor(options_for(backend));
      SocketPair pair;
      {
        Receive receive(pair.ours.get());
        receive.start(nullptr);
      }
      ::_exit(0);
    }
    ::close(output[1]);
    std::string message;
    char byte = 0;
    while (::read(output[0], &byte, 1) == 1) {
      message += byte;
    }
    ::close(output[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(message.find("destroyed in flight") != std::string::npos);
  }
}

TEST_CASE("a reactor counts what it does") {
  on_each_backend([](Reactor& reactor) {
    auto naps = []() -> Task<void> {
      for (int i = 0; i < 3; i++) {
        co_await sleep_for(1ms);
      }
    };
    reactor.run(naps());
    CHECK(reactor.counters().turns >= 3);
    CHECK(reactor.counters().enters >= 3);
    CHECK(reactor.counters().cq_overflow == 0);
  });
}

TEST_CASE("all frames are back after a reactor's work") {
  const auto before = coro::live_frames();
  on_each_backend([](Reactor& reactor) {
    SocketPair pair;
    REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
    CHECK(reactor.run(receive_text(pair.ours.get())) == "x");
    reactor.close(std::move(pair.ours));
  });
  CHECK(coro::live_frames() == before);
}
