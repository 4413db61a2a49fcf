// SPDX-License-Identifier: MIT
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "httpbin.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

/// Blocks the reactor, as a handler that forgot to be a coroutine would.
Response burn(const Request& request) {
  const std::chrono::milliseconds time(request.param<unsigned>("ms").value_or(0));
  const Clock::time_point end = Clock::now() + time;
  while (Clock::now() < end) {
  }
  return Response::text("burnt\n");
}

/// Sleeps in the kernel and heeds nothing.
Response stick(const Request& request) {
  const timespec time{request.param<unsigned>("seconds").value_or(0), 0};
  ::nanosleep(&time, nullptr);
  return Response::text("unstuck\n");
}

/// The same in the middle of a streamed answer.
Response stick_in_stream(const Request& request) {
  const timespec time{request.param<unsigned>("seconds").value_or(0), 0};
  return Response::stream([time](BodyWriter& writer) -> Task<void> {
    co_await writer.write("sticks\n");
    ::nanosleep(&time, nullptr);
    co_await writer.write("unstuck\n");
  });
}

Task<void> nap(Clock::duration time) {
  co_await sleep_for(time);
}

/// Opens the WebSocket late, whether anybody waits for it or not.
Task<void> open_late(Request& request, WebSocket socket) {
  CancelScope deaf;
  const std::chrono::seconds time(request.param<unsigned>("seconds").value_or(0));
  co_await nap(time).in(deaf);
  socket.accept();
}

/// Waits for ever, as a coroutine.
Task<Response> wait_for_ever(Request&) {
  for (;;) {
    co_await sleep_for(std::chrono::hours(1));
  }
}

std::chrono::milliseconds time_before_crash(const Request& request) {
  return std::chrono::milliseconds(request.query<unsigned>("after_ms").value_or(0));
}

Response crash_now() {
  ::raise(SIGSEGV);
  return Response::text("it did not crash\n");
}

Task<Response> crash(Request& request) {
  co_await sleep_for(time_before_crash(request));
  co_return crash_now();
}

Response crash_in_thread(const Request& request) {
  std::this_thread::sleep_for(time_before_crash(request));
  return crash_now();
}

/// Uses up the stack of its thread, by more calls than there is room for.
unsigned overflow(const volatile unsigned* calls_left) {
  volatile unsigned here[1024];
  here[0] = *calls_left - 1;
  return here[0] == 0 ? 0 : overflow(here) + here[0];
}

Response overflow_stack(const Request&) {
  const volatile unsigned calls = std::numeric_limits<unsigned>::max();
  return Response::text(fmt::format("it did not crash: {}\n", overflow(&calls)));
}

Response exit_now(const Request& request) {
  ::_exit(request.param<int>("code").value_or(1));
}

Response throw_error(const Request&) {
  throw std::runtime_error("thrown by /throw, as it was asked to");
}

}  // namespace

void add_unsafe(App& app) {
  app.get("/burn/{ms}", burn);
  app.get("/stick/{seconds}", stick);
  app.get("/stick-in-stream/{seconds}", stick_in_stream);
  app.get("/blocking-stick/{seconds}", blocking(stick));
  app.websocket("/ws/late/{seconds}", open_late, {.origins = {"*"}});
  app.get("/wait-for-ever", wait_for_ever);
  app.get("/crash", crash);
  app.get("/blocking-crash", blocking(crash_in_thread));
  app.get("/overflow", overflow_stack);
  app.get("/exit/{code}", exit_now);
  app.get("/throw", throw_error);
  auto& leaked = app.emplace_state<std::vector<std::unique_ptr<char[]>>>();
  app.get("/leak/{bytes}", [&leaked](const Request& request) {
    // Made with its value, so that every page of it is there.
    leaked.push_back(std::make_unique<char[]>(request.param<std::size_t>("bytes").value_or(0)));
    return Response::text(fmt::format("{} pieces are kept\n", leaked.size()));
  });
}

}  // namespace httpbin
