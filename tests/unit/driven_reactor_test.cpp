// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"
#include "coro/thread_pool.hpp"
#include "reactor/across.hpp"
#include "reactor/reactor.hpp"
#include "socket_pair.hpp"

using namespace uringcorn;
using namespace uringcorn::reactor;
using namespace std::chrono_literals;

namespace {

/// A foreign loop: it waits in an epoll of its own, which knows nothing but the reactor's fd.
class ForeignLoop {
 public:
  explicit ForeignLoop(Reactor& reactor) : reactor_(reactor) {
    epoll_event event{};
    event.events = EPOLLIN;
    REQUIRE(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, reactor.fd(), &event) == 0);
  }

  template <class T>
  T run(Task<T> task) {
    CancelScope scope;
    RunningTask<T> running(std::move(task), scope);
    while (!running.done()) {
      reactor_.submit();
      epoll_event event{};
      const int ready = ::epoll_wait(epoll_.get(), &event, 1, 30'000);
      // Work that the kernel does for a ring interrupts system calls of its thread.
      REQUIRE((ready == 1 || (ready < 0 && errno == EINTR)));
      waits++;
      reactor_.dispatch();
    }
    return running.join().await_resume();
  }

  int waits = 0;

 private:
  Reactor& reactor_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

template <class Body>
void on_each_backend(Body body) {
  for (const BackendKind backend : {BackendKind::io_uring, BackendKind::epoll}) {
    CAPTURE(static_cast<int>(backend));
    Reactor reactor({.backend = backend, .queue_entries = 64, .buffer_count = 16});
    body(reactor);
  }
}

Task<std::string> receive_text(int socket) {
  Receive receive(socket);
  BufferResult result = co_await receive;
  REQUIRE(result.error == 0);
  co_return std::string(result.buffer.bytes());
}

}  // namespace

TEST_CASE("a foreign loop is woken by bytes that come while it waits") {
  on_each_backend([](Reactor& reactor) {
    ForeignLoop loop(reactor);
    SocketPair pair;
    std::thread client([&] {
      for (const std::string_view text : {"one", "two"}) {
        std::this_thread::sleep_for(30ms);
        CHECK(::write(pair.theirs.get(), text.data(), text.size()) == 3);
      }
    });
    CHECK(loop.run(receive_text(pair.ours.get())) == "one");
    CHECK(loop.run(receive_text(pair.ours.get())) == "two");
    client.join();
    CHECK(loop.waits < 20);
  });
}

TEST_CASE("a foreign loop is woken by threads of a pool, and wakes them") {
  constexpr int k_rounds = 200;
  on_each_backend([](Reactor& reactor) {
    coro::ThreadPool pool(3, 1000);
    ForeignLoop loop(reactor);
    // Written by the loop's thread only.
    int on_loop = 0;
    const auto count = [](int& counter) -> Task<int> {
      co_await sleep_for(0ms);
      co_return ++counter;
    };
    const auto on_thread = [&]() -> Task<int> {
      co_await sleep_for(1ms);
      const int counted = co_await run_on_reactor(count(on_loop));
      co_return counted;
    };
    const auto crossings = [&]() -> Task<int> {
      int sum = 0;
      for (int i = 0; i < k_rounds; ++i) {
        const auto [a, b] =
            co_await when_all(run_on_pool<int>(pool, Admission::bounded, on_thread),
                              run_on_pool<int>(pool, Admission::bounded, on_thread));
        sum += a > 0 && b > 0 ? 2 : 0;
      }
      co_return sum;
    };
    CHECK(loop.run(crossings()) == 2 * k_rounds);
    CHECK(on_loop == 2 * k_rounds);
  });
}

TEST_CASE(
    "a foreign loop is woken for bytes that are there already, and for what callbacks start") {
  on_each_backend([](Reactor& reactor) {
    ForeignLoop loop(reactor);
    SocketPair pair;
    const auto ping_pong = [](int ours, int theirs) -> Task<int> {
      int rounds = 0;
      for (; rounds < 100; ++rounds) {
        Send send(theirs, "ping");
        const CountResult sent = co_await send;
        REQUIRE(sent.count == 4);
        const std::string text = co_await receive_text(ours);
        REQUIRE(text == "ping");
      }
      co_return rounds;
    };
    CHECK(loop.run(ping_pong(pair.ours.get(), pair.theirs.get())) == 100);
    reactor.close(std::move(pair.ours));
    reactor.close(std::move(pair.theirs));
  });
}

TEST_CASE("a foreign loop is woken by timers, by posts and by what is ready, and sleeps else") {
  on_each_backend([](Reactor& reactor) {
    ForeignLoop loop(reactor);
    const auto sleeps = []() -> Task<int> {
      const auto begin = Clock::now();
      for (int i = 0; i < 3; ++i) {
        co_await sleep_for(20ms);
      }
      co_await when_all([]() -> Task<void> { co_await sleep_for(30ms); }(),
                        []() -> Task<void> { co_await sleep_for(5ms); }());
      CHECK(Clock::now() - begin >= 90ms);
      co_return 1;
    };
    CHECK(loop.run(sleeps()) == 1);
    CHECK(loop.waits < 60);
    bool posted = false;
    std::thread other([&] {
      std::this_thread::sleep_for(10ms);
      reactor.post([&] { posted = true; });
    });
    while (!posted) {
      reactor.submit();
      static_cast<void>(reactor.wait(30s));
      reactor.dispatch();
    }
    other.join();
  });
}

TEST_CASE("a driven reactor without anything to do is not readable") {
  on_each_backend([](Reactor& reactor) {
    const int fd = reactor.fd();
    for (int i = 0; i < 3; ++i) {
      reactor.submit();
      static_cast<void>(reactor.wait(Clock::duration::zero()));
      reactor.dispatch();
    }
    reactor.submit();
    pollfd item{fd, POLLIN, 0};
    CHECK(::poll(&item, 1, 50) <= 0);
  });
}
