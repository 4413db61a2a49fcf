// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include <uringcorn/response.hpp>

#include "fake_request.hpp"

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::chrono_literals;

namespace {

std::string set_cookie(const Cookie& cookie) {
  const Response response = Response().cookie(cookie);
  return std::string(response.fields().get("Set-Cookie").value_or(""));
}

}  // namespace

TEST_CASE("answers carry their content type") {
  CHECK(Response::text("x").fields().get("content-type") == "text/plain; charset=utf-8");
  CHECK(Response::html("x").fields().get("content-type") == "text/html; charset=utf-8");
  CHECK(Response::json("1").fields().get("content-type") == "application/json");
  CHECK(Response::bytes("x").fields().get("content-type") == "application/octet-stream");
  CHECK(Response::bytes("x", "image/png").fields().get("content-type") == "image/png");
  CHECK_THROWS_AS(Response::bytes("x", "a\r\nb"), std::invalid_argument);
  CHECK(Response().fields().empty());
}

TEST_CASE("an answer is built in one expression") {
  Response response = Response::text("made").status(201).field("Location", "/a/1").field("X", "y");
  CHECK(response.status() == 201);
  CHECK(response.body() == "made");
  CHECK(response.fields().get("Location") == "/a/1");
  CHECK_FALSE(response.streamed());
}

TEST_CASE("a redirect cannot be split") {
  const Response response = Response::redirect("/next?a=1", 303);
  CHECK(response.status() == 303);
  CHECK(response.fields().get("Location") == "/next?a=1");
  CHECK_THROWS_AS(Response::redirect("/x\r\nSet-Cookie: a=b"), std::invalid_argument);
}

TEST_CASE("an error page names its status") {
  CHECK(Response::error(404).body() == "404 Not Found\n");
  CHECK(Response::error(404, "no such report").body() == "404 Not Found\nno such report\n");
  CHECK(Response::error(499).body() == "499\n");
  CHECK(Response::error(404).status() == 404);
}

TEST_CASE("cookies are written with safe defaults") {
  CHECK(set_cookie({.name = "a", .value = "1"}) == "a=1; Path=/; SameSite=Lax; HttpOnly");
  Cookie full{.name = "id", .value = "x", .path = "/shop", .domain = "shop.example"};
  full.max_age = 3600s;
  full.same_site = Cookie::SameSite::none;
  full.secure = true;
  full.http_only = false;
  CHECK(set_cookie(full) ==
        "id=x; Path=/shop; Domain=shop.example; Max-Age=3600; SameSite=None; Secure");
  Cookie gone{.name = "a", .value = "", .path = ""};
  gone.max_age = 0s;
  gone.same_site = Cookie::SameSite::unset;
  CHECK(set_cookie(gone) == "a=; Max-Age=0; HttpOnly");
  CHECK(set_cookie({.name = "q", .value = "\"v\""}).starts_with("q=\"v\";"));
}

TEST_CASE("a cookie cannot smuggle attributes or fields") {
  for (const char* value : {"a;b", "a b", "a,b", "a\r\nb", "\"", "a\\b", "\xc3\xa4"}) {
    CAPTURE(value);
    CHECK_THROWS_AS(set_cookie({.name = "a", .value = value}), std::invalid_argument);
  }
  CHECK_THROWS_AS(set_cookie({.name = "a b", .value = "1"}), std::invalid_argument);
  CHECK_THROWS_AS(set_cookie({.name = "", .value = "1"}), std::invalid_argument);
  CHECK_THROWS_AS(set_cookie({.name = "a", .value = "1", .path = "/; Domain=x"}),
                  std::invalid_argument);
  CHECK_THROWS_AS(set_cookie({.name = "a", .value = "1", .domain = "x\n"}), std::invalid_argument);
  Cookie insecure{.name = "a", .value = "1"};
  insecure.same_site = Cookie::SameSite::none;
  CHECK_THROWS_AS(set_cookie(insecure), std::invalid_argument);
}

TEST_CASE("a streamed answer is what its producer writes") {
  Response response = Response::stream(
      [](BodyWriter& writer) -> Task<void> {
        co_await writer.write("one ");
        co_await writer.write("two");
      },
      "text/csv");
  CHECK(response.streamed());
  CHECK(response.fields().get("Content-Type") == "text/csv");
  CHECK_FALSE(response.length().has_value());
  CHECK(std::move(response).length(7).length() == 7);
}

TEST_CASE("trailer fields are kept for the end, and what has to come before a body is refused") {
  FakeWriter writer;
  writer.trailers(Fields().add("X-Sum", "1").add("Server-Timing", "a"));
  CHECK(to_text(writer.kept) == "X-Sum: 1\nServer-Timing: a\n");
  for (const char* name : {"Content-Length", "transfer-encoding", "Set-Cookie", "HOST"}) {
    CHECK_THROWS_AS(writer.trailers(Fields().add(name, "1")), std::invalid_argument);
  }
  CHECK(to_text(writer.kept) == "X-Sum: 1\nServer-Timing: a\n");
  writer.trailers(Fields());
  CHECK(writer.kept.empty());
}

TEST_CASE("events are written in the event-stream format") {
  FakeWriter writer;
  EventStream events(writer);
  finish(events.send("hello"));
  CHECK(std::exchange(writer.written, "") == "data: hello\n\n");
  finish(events.send("a\nb\r\nc\rd", "update", "7"));
  CHECK(std::exchange(writer.written, "") ==
        "event: update\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  finish(events.send(""));
  CHECK(std::exchange(writer.written, "") == "data: \n\n");
  finish(events.comment("still here"));
  CHECK(std::exchange(writer.written, "") == ": still here\n\n");
  CHECK_THROWS_AS(finish(events.send("x", "a\nb")), std::invalid_argument);
  CHECK_THROWS_AS(finish(events.send("x", "a", "1\r2")), std::invalid_argument);
  CHECK(writer.written.empty());
}

TEST_CASE("an answer of events is not cached") {
  Response response = Response::events([](EventStream events) -> Task<void> {
    co_await events.send("1");
    co_await events.send("2");
  });
  CHECK(response.fields().get("Content-Type") == "text/event-stream");
  CHECK(response.fields().get("Cache-Control") == "no-store");
  CHECK(body_of(response) == "data: 1\n\ndata: 2\n\n");
}
