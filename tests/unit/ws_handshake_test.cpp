// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/app.hpp>

#include "fake_request.hpp"
#include "http/ws/deflate_offer.hpp"
#include "http/ws/handshake.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace uringcorn::http::ws;

std::string answer_to(std::vector<std::string_view> lines, DeflatePolicy policy) {
  const DeflateAnswer answer = answer_deflate_offers(lines, policy);
  if (answer.malformed) {
    return "malformed";
  }
  return answer.accepted ? answer.accepted->to_string() : "none";
}

std::vector<Field> handshake_fields() {
  return {{"Host", "shop.example"},
          {"Connection", "keep-alive, Upgrade"},
          {"Upgrade", "WebSocket"},
          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
          {"Sec-WebSocket-Version", "13"}};
}

Task<void> nothing(Request&, WebSocket) {
  co_return;
}

struct Answered {
  int status;
  std::string upgrade;
  std::string version;
};

/// What becomes of a GET with these fields, where a WebSocket is.
Answered ask(std::vector<Field> fields, bool wants = true, const WebSocketOptions& options = {}) {
  FakeRequest fake("GET", "/ws", std::move(fields));
  fake.head().websocket = wants;
  auto app = make_application([&](App& app) { app.websocket("/ws", nothing, options); });
  const Response response = finish(app->handle(fake.request()));
  CHECK((response.upgrade() != nullptr) == (response.status() == 101));
  return {response.status(), std::string(response.fields().get("Upgrade").value_or("")),
          std::string(response.fields().get("Sec-WebSocket-Version").value_or(""))};
}

std::vector<Field> with(std::string_view name, std::string_view value) {
  std::vector<Field> fields = handshake_fields();
  fields.push_back({name, value});
  return fields;
}
std::vector<Field> without(std::string_view name) {
  std::vector<Field> fields = handshake_fields();
  std::erase_if(fields, [name](const Field& field) { return field.name == name; });
  return fields;
}

}  // namespace

TEST_CASE("the accept value is that of RFC 6455") {
  CHECK(accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("a good handshake is answered 101") {
  CHECK(ask(handshake_fields()).status == 101);
  CHECK(ask(with("Sec-WebSocket-Protocol", "a, b")).status == 101);
  CHECK(ask(with("Sec-WebSocket-Extensions", "foo; bar=1, baz")).status == 101);
}

TEST_CASE("a bad handshake is refused") {
  CHECK(ask(without("Sec-WebSocket-Key")).status == 400);
  CHECK(ask(with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")).status == 400);
  std::vector<Field> short_key = without("Sec-WebSocket-Key");
  short_key.push_back({"Sec-WebSocket-Key", "c2hvcnQ="});
  CHECK(ask(short_key).status == 400);
  CHECK(ask(with("Sec-WebSocket-Protocol", "a b")).status == 400);
  CHECK(ask(with("Sec-WebSocket-Protocol", "a, a")).status == 400);
  CHECK(ask(with("Sec-WebSocket-Extensions", "foo; bar=")).status == 400);
  for (const auto& fields :
       {without("Sec-WebSocket-Version"), with("Sec-WebSocket-Version", "8")}) {
    const Answered answered = ask(fields);
    CHECK(answered.status == 426);
    CHECK(answered.version == "13");
    CHECK(answered.upgrade == "websocket");
  }
}

TEST_CASE("a GET that asks for no WebSocket is told to") {
  const Answered answered = ask({{"Host", "a"}}, false);
  CHECK(answered.status == 426);
  CHECK(answered.upgrade == "websocket");
}

TEST_CASE("a body does not go with a handshake") {
  FakeRequest fake("GET", "/ws", handshake_fields(), {"body"});
  fake.head().websocket = true;
  CHECK(refuse_handshake(fake.request(), {})->status() == 400);
}

TEST_CASE("a path may have a page and a WebSocket") {
  auto app = make_application([](App& app) {
    app.get("/both", [](Request&) { return Response::text("page"); });
    app.websocket("/both", nothing);
    app.get("/page", [](Request&) { return Response::text("page"); });
    app.post("/ws", [](Request&) { return Response::text("post"); });
    app.websocket("/ws", nothing);
  });
  const auto status = [&](std::string method, std::string target, bool wants) {
    FakeRequest fake(std::move(method), std::move(target), handshake_fields());
    fake.head().websocket = wants;
    return finish(app->handle(fake.request())).status();
  };
  CHECK(status("GET", "/both", false) == 200);
  CHECK(status("GET", "/both", true) == 101);
  // Who asks for an upgrade that is not there gets the page.
  CHECK(status("GET", "/page", true) == 200);
  CHECK(status("POST", "/ws", false) == 200);
  CHECK(status("GET", "/ws", false) == 426);
  CHECK(status("PUT", "/ws", false) == 405);
  CHECK(status("GET", "/nowhere", true) == 404);
}

TEST_CASE("middleware stands around the opening of a WebSocket") {
  auto app = make_application([](App& app) {
    app.use([](Request& request, Next next) -> Task<Response> {
      if (request.field("X-Secret") != "yes") {
        co_return Response::error(401);
      }
      Response response = co_await next(request);
      response.field("X-Seen", std::to_string(response.status()));
      co_return response;
    });
    app.websocket("/ws", nothing);
  });
  FakeRequest stranger("GET", "/ws", handshake_fields());
  stranger.head().websocket = true;
  CHECK(finish(app->handle(stranger.request())).status() == 401);
  FakeRequest friendly("GET", "/ws", with("X-Secret", "yes"));
  friendly.head().websocket = true;
  const Response response = finish(app->handle(friendly.request()));
  CHECK(response.status() == 101);
  CHECK(response.fields().get("X-Seen") == "101");
}

TEST_CASE("only pages of the same host may connect, or those that are listed") {
  CHECK(is_allowed_origin("http://shop.example", "shop.example", {}));
  CHECK(is_allowed_origin("https://shop.example", "shop.example", {}));
  CHECK(is_allowed_origin("https://Shop.Example", "shop.example:443", {}));
  CHECK(is_allowed_origin("http://shop.example:8000", "shop.example:8000", {}));
  CHECK_FALSE(is_allowed_origin("http://shop.example:8001", "shop.example:8000", {}));
  CHECK_FALSE(is_allowed_origin("http://shop.example", "shop.example:8000", {}));
  CHECK_FALSE(is_allowed_origin("http://evil.example", "shop.example", {}));
  CHECK_FALSE(is_allowed_origin("http://shop.example.evil.example", "shop.example", {}));
  CHECK_FALSE(is_allowed_origin("null", "shop.example", {}));
  CHECK_FALSE(is_allowed_origin("", "shop.example", {}));
  const std::vector<std::string> listed{"https://a.example", "https://b.example:8443"};
  CHECK(is_allowed_origin("https://a.example", "shop.example", listed));
  CHECK(is_allowed_origin("https://b.example:8443", "shop.example", listed));
  CHECK_FALSE(is_allowed_origin("http://a.example", "shop.example", listed));
  CHECK_FALSE(is_allowed_origin("http://shop.example", "shop.example", listed));
  CHECK(is_allowed_origin("null", "shop.example", {"*"}));
  CHECK(ask(with("Origin", "https://evil.example")).status == 403);
  CHECK(ask(with("Origin", "https://shop.example")).status == 101);
  CHECK(ask(with("Origin", "https://evil.example"), true, {.origins = {"*"}}).status == 101);
}

TEST_CASE("permessage-deflate is agreed upon as RFC 7692 says") {
  using enum DeflatePolicy;
  CHECK(answer_to({}, with_context) == "none");
  CHECK(answer_to({"permessage-deflate"}, refused) == "none");
  const std::string both =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  CHECK(answer_to({"permessage-deflate"}, without_context) == both);
  CHECK(answer_to({"permessage-deflate; client_max_window_bits"}, without_context) == both);
  CHECK(answer_to({"permessage-deflate; server_max_window_bits=10"}, without_context) ==
        both + "; server_max_window_bits=10");
  CHECK(answer_to({"permessage-deflate; client_max_window_bits"}, with_context) ==
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12");
  CHECK(answer_to({"permessage-deflate; client_max_window_bits=9; server_max_window_bits=\"10\""},
                  with_context) ==
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9");
  CHECK(answer_to({"permessage-deflate"}, with_context) ==
        "permessage-deflate; client_no_context_takeover; server_max_window_bits=12");
  CHECK(answer_to({"permessage-deflate; server_no_context_takeover; client_max_window_bits"},
                  with_context) ==
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; "
        "client_max_window_bits=12");
}

TEST_CASE("an offer that cannot be kept is passed over, the next one is taken") {
  const std::string both =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  for (const std::string_view bad :
       {"permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=\"\\9\"",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits", "x-other"}) {
    CAPTURE(bad);
    const std::string alone = answer_to({bad}, DeflatePolicy::without_context);
    CHECK((alone == "none" || alone == "malformed"));
    if (alone == "none") {
      CHECK(answer_to({std::string(bad) + ", permessage-deflate"},
                      DeflatePolicy::without_context) == both);
      CHECK(answer_to({bad, "permessage-deflate"}, DeflatePolicy::without_context) == both);
    }
  }
}

TEST_CASE("extensions that follow no grammar are malformed") {
  for (const std::string_view bad :
       {"a b", ";", "a;", "a; =1", "a; b=", "a; b=\"c", "a; b=\"\"", "a=1", "\"a\"", "a; b c"}) {
    CAPTURE(bad);
    CHECK(answer_to({bad}, DeflatePolicy::without_context) == "malformed");
  }
  CHECK(answer_to({" , permessage-deflate ,, "}, DeflatePolicy::without_context) != "malformed");
}
