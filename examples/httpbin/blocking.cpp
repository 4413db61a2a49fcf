// SPDX-License-Identifier: MIT
// Functions that block, and where they run.
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <stop_token>
#include <string>

#include "httpbin.hpp"
#include "json.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

constexpr unsigned k_block_max_ms = 600'000;

std::chrono::milliseconds time_of(const Request& request) {
  const std::optional<unsigned> time = request.param<unsigned>("ms");
  if (!time || *time > k_block_max_ms) {
    throw HttpError(400, "The time is a number of milliseconds.");
  }
  return std::chrono::milliseconds(*time);
}

/// Blocks its thread for a time, as a call of a database would, unless nobody waits any more.
void block(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) {
    throw Cancelled();
  }
}

std::string place() {
  JsonWriter json;
  json.begin_object().member("pid").number(::getpid());
  json.member("is_main_thread").boolean(::getpid() == ::gettid());
  json.end_object();
  return json.take();
}

Response block_in_handler(const Request& request, std::stop_token stop) {
  block(time_of(request), stop);
  return Response::json(place());
}

Task<Response> block_offloaded(Request& request) {
  const std::chrono::milliseconds time = time_of(request);
  std::string json = co_await offload([time](std::stop_token stop) {
    block(time, stop);
    return place();
  });
  co_return Response::json(std::move(json));
}

/// Does nothing that blocks: what the way to a thread costs.
Response hello_from_thread(const Request&) {
  return Response::text("Hello, World!\n");
}

/// The sum of the bytes of the whole body, which it has been given.
Response sum(const Request&, std::string body) {
  const auto sum = std::accumulate(
      body.begin(), body.end(), std::uint64_t{0},
      [](std::uint64_t total, char byte) { return total + static_cast<unsigned char>(byte); });
  return Response::text(fmt::format("{} bytes, sum {}\n", body.size(), sum));
}

/// Where a coroutine runs.
Task<Response> place_of_coroutine(Request&) {
  co_await sleep_for(std::chrono::milliseconds(1));
  co_return Response::json(place());
}

}  // namespace

void add_blocking(App& app) {
  app.get("/blocking-hello", blocking(hello_from_thread));
  app.get("/block/{ms}", blocking(block_in_handler));
  app.get("/offload/{ms}", block_offloaded);
  app.post("/sum", blocking(sum));
  app.get("/place", place_of_coroutine);
}

}  // namespace httpbin
