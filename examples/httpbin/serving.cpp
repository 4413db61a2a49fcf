// SPDX-License-Identifier: MIT
// What httpbin does not have: the shortest answer, the request's body as it comes, events, and
// which worker it was.
#include <stdlib.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>

#include "httpbin.hpp"
#include "json.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

constexpr std::string_view k_index = R"(<!DOCTYPE html>
<title>httpbin</title>
<h1>httpbin</h1>
<p>Tells back what it was asked: try <a href="/get">/get</a>, <a href="/headers">/headers</a>,
<a href="/stream/5">/stream/5</a>, <a href="/uuid">/uuid</a>, <a href="/worker">/worker</a>.
)";

Response index(const Request&) {
  return Response::html(std::string(k_index));
}

Task<Response> hello(Request&) {
  co_return Response::text("Hello, World!");
}

/// The body, piece by piece, as fast as the client takes it back, and the trailer fields behind it.
Task<Response> echo(Request& request) {
  // Before the answer begins, so that a client that waits to be told to go on is told.
  const std::string_view piece = co_await request.body().read();
  Response response = Response::stream(
      [&request, first = std::string(piece)](BodyWriter& writer) -> Task<void> {
        std::string_view next = first;
        while (!next.empty()) {
          co_await writer.write(next);
          next = co_await request.body().read();
        }
        writer.trailers(request.body().trailers());
      },
      request.field("Content-Type").value_or("application/octet-stream"));
  if (const std::optional<std::uint64_t> length = request.body().length()) {
    response.length(*length);
  } else if (piece.empty()) {
    response.length(0);
  }
  co_return response;
}

Task<void> sse(Request& request, EventStream events) {
  const std::uint64_t count = request.param<std::uint64_t>("n").value_or(0);
  const std::chrono::milliseconds pause(request.query<unsigned>("pause_ms").value_or(0));
  for (std::uint64_t id = 0; id < count; ++id) {
    co_await events.send(fmt::format("event {}", id), "", std::to_string(id));
    co_await sleep_for(pause);
  }
}

void write_number_from_environment(JsonWriter& json, const char* name) {
  const char* const text = ::getenv(name);
  const std::string_view digits = text != nullptr ? text : "";
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  error == std::errc() ? json.number(number) : json.null();
}

Response worker(const Request&) {
  JsonWriter json;
  json.begin_object().member("pid").number(::getpid());
  json.member("slot");
  write_number_from_environment(json, "URINGCORN_WORKER_SLOT");
  json.member("generation");
  write_number_from_environment(json, "URINGCORN_WORKER_GENERATION");
  json.end_object();
  return Response::json(json.take()).field("Cache-Control", "no-store");
}

/// Whether a load balancer should send requests here.
Response health(const Request&) {
  Response answer =
      shutting_down() ? Response::text("shutting down\n").status(503) : Response::text("ok\n");
  return std::move(answer).field("Cache-Control", "no-store");
}

}  // namespace

void add_serving(App& app) {
  app.get("/", index);
  app.get("/hello", hello);
  app.any("/echo", echo);
  app.get("/sse/{n}", sse);
  app.get("/health", health);
  app.get("/worker", worker);
}

}  // namespace httpbin
