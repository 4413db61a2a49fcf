// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "http/h2/answer_head.hpp"
#include "http/h2/flood_guard.hpp"
#include "http/h2/head_builder.hpp"
#include "http/h2/incoming_body.hpp"
#include "http/h2/priority.hpp"
#include "http/h2/trailer_section.hpp"
#include "http/handler_outcome.hpp"
#include "http/request_arena.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::http;
using namespace uringcorn::http::h2;
using namespace std::chrono_literals;
using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// The head that HTTP/2 makes of these fields.
struct Built {
  explicit Built(Lines lines, const HeadLimits& head_limits = {}, bool ends_stream = true,
                 std::size_t list_bytes_max = 65'536)
      : limits(head_limits), builder(limits, list_bytes_max, arena) {
    for (const auto& [name, value] : lines) {
      builder.add(name, value);
    }
    error = builder.finish(head, ends_stream);
  }

  HeadLimits limits;
  RequestArena arena;
  HeadBuilder builder;
  detail::RequestHead head;
  HeadError error;
};

HeadError error_of(Lines lines, bool ends_stream = true) {
  return Built(lines, {}, ends_stream).error;
}

}  // namespace

TEST_CASE("the fields of a HEADERS frame become a request head") {
  const Built built({{":method", "POST"},
                     {":scheme", "https"},
                     {":authority", "Shop.example:8000"},
                     {":path", "/a?b=c"},
                     {"content-length", "5"},
                     {"cookie", "a=b"},
                     {"x-one", "1"},
                     {"cookie", "c=d"}},
                    {}, false);
  CHECK(built.error == HeadError::none);
  CHECK(built.head.method == Method::post);
  CHECK(built.head.version_major == 2);
  CHECK(built.head.target == "/a?b=c");
  CHECK(built.head.authority == "Shop.example:8000");
  CHECK(built.head.content_length == 5);
  CHECK(built.head.has_body);
  REQUIRE(built.head.fields.size() == 4);
  CHECK(built.head.fields.get("Host") == "Shop.example:8000");
  CHECK(built.head.fields.get("cookie") == "a=b; c=d");
  CHECK(built.head.fields.begin()[2].name == "cookie");
}

TEST_CASE("a Host field stands in for :authority, and must not contradict it") {
  const Built built({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a.test"}});
  CHECK(built.error == HeadError::none);
  CHECK(built.head.authority == "a.test");
  CHECK(error_of({{":method", "GET"},
                  {":scheme", "http"},
                  {":path", "/"},
                  {":authority", "A.test"},
                  {"host", "a.TEST"}}) == HeadError::none);
  CHECK(error_of({{":method", "GET"},
                  {":scheme", "http"},
                  {":path", "/"},
                  {":authority", "a.test"},
                  {"host", "b.test"}}) == HeadError::authority_mismatch);
  CHECK(error_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}) ==
        HeadError::missing_host);
}

TEST_CASE("a head that HTTP/2 does not allow is told from one that it does") {
  constexpr std::pair<std::string_view, std::string_view> k_method{":method", "GET"};
  constexpr std::pair<std::string_view, std::string_view> k_scheme{":scheme", "http"};
  constexpr std::pair<std::string_view, std::string_view> k_path{":path", "/"};
  constexpr std::pair<std::string_view, std::string_view> k_host{":authority", "a"};
  const auto with = [&](std::string_view name, std::string_view value) {
    return error_of({k_method, k_scheme, k_path, k_host, {name, value}});
  };
  CHECK(with("x", "y") == HeadError::none);
  CHECK(with("te", "Trailers") == HeadError::none);
  CHECK(with("te", "gzip") == HeadError::connection_field_in_http_2);
  CHECK(with("connection", "close") == HeadError::connection_field_in_http_2);
  CHECK(with("keep-alive", "1") == HeadError::connection_field_in_http_2);
  CHECK(with("proxy-connection", "x") == HeadError::connection_field_in_http_2);
  CHECK(with("transfer-encoding", "chunked") == HeadError::connection_field_in_http_2);
  CHECK(with("upgrade", "x") == HeadError::connection_field_in_http_2);
  CHECK(with("X", "y") == HeadError::upper_case_field_name);
  CHECK(with("x y", "z") == HeadError::invalid_field_name);
  CHECK(with("", "z") == HeadError::empty_field_name);
  CHECK(with("x", "a\nb") == HeadError::control_byte);
  CHECK(with("x", " a") == HeadError::blank_around_value);
  CHECK(with("x", "a\t") == HeadError::blank_around_value);
  CHECK(with(":path", "/again") == HeadError::invalid_pseudo_field);
  CHECK(with(":status", "200") == HeadError::invalid_pseudo_field);
  CHECK(with("content-length", "5") == HeadError::content_length_without_body);
  CHECK(with("content-length", "0") == HeadError::none);
  CHECK(with("expect", "miracles") == HeadError::unsupported_expectation);
  CHECK(error_of({k_method, k_scheme, k_host, {"x", "y"}, k_path}) ==
        HeadError::invalid_pseudo_field);
  CHECK(error_of({k_method, k_scheme, k_host}) == HeadError::missing_pseudo_field);
  CHECK(error_of({k_method, k_path, k_host}) == HeadError::missing_pseudo_field);
  CHECK(error_of({k_scheme, k_path, k_host}) == HeadError::missing_pseudo_field);
  CHECK(error_of({}) == HeadError::missing_pseudo_field);
  CHECK(error_of({{":method", "G T"}, k_scheme, k_path, k_host}) == HeadError::invalid_method);
  CHECK(error_of({k_method, k_scheme, {":path", "no/slash"}, k_host}) == HeadError::invalid_target);
  CHECK(error_of({k_method, k_scheme, {":path", "/a b"}, k_host}) == HeadError::invalid_target);
  CHECK(error_of({k_method, k_scheme, {":path", "*"}, k_host}) == HeadError::target_form_mismatch);
  CHECK(error_of({k_method, k_scheme, k_path, {":authority", "u@h"}}) == HeadError::invalid_host);
  CHECK(error_of({{":method", "CONNECT"}, {":authority", "a:443"}}) == HeadError::none);
  CHECK(error_of({{":method", "CONNECT"}, {":authority", "a"}}) == HeadError::target_form_mismatch);
  CHECK(error_of({{":method", "CONNECT"}, {":authority", "a:443"}, k_path}) ==
        HeadError::invalid_pseudo_field);
}

TEST_CASE("an extended CONNECT has what a request has, and asks for a WebSocket") {
  constexpr std::pair<std::string_view, std::string_view> k_method{":method", "CONNECT"};
  constexpr std::pair<std::string_view, std::string_view> k_protocol{":protocol", "websocket"};
  constexpr std::pair<std::string_view, std::string_view> k_scheme{":scheme", "https"};
  constexpr std::pair<std::string_view, std::string_view> k_path{":path", "/chat?room=1"};
  constexpr std::pair<std::string_view, std::string_view> k_host{":authority", "a"};
  const Built built({k_protocol, k_method, k_scheme, k_path, k_host}, {}, false);
  REQUIRE(built.error == HeadError::none);
  CHECK(built.head.websocket);
  CHECK(built.head.method == Method::connect);
  CHECK(built.head.target == "/chat?room=1");
  CHECK(built.head.authority == "a");
  CHECK_FALSE(built.head.has_body);  // what follows is the WebSocket's
  CHECK(built.builder.target_form() == TargetForm::origin);

  const auto error = [](Lines lines) { return error_of(lines, false); };
  CHECK(error({k_method, k_protocol, k_path, k_host}) == HeadError::missing_pseudo_field);
  CHECK(error({k_method, k_protocol, k_scheme, k_host}) == HeadError::missing_pseudo_field);
  CHECK(error({k_method, k_protocol, k_scheme, k_path}) == HeadError::missing_pseudo_field);
  CHECK(error({k_method, k_protocol, k_scheme, k_path, {"host", "a"}}) ==
        HeadError::missing_pseudo_field);
  CHECK(error({k_method, k_protocol, k_scheme, {":path", "*"}, k_host}) ==
        HeadError::target_form_mismatch);
  CHECK(error({{":method", "GET"}, k_protocol, k_scheme, k_path, k_host}) ==
        HeadError::invalid_pseudo_field);
  CHECK(error({k_method, k_protocol, k_protocol, k_scheme, k_path, k_host}) ==
        HeadError::invalid_pseudo_field);
  CHECK(error({k_method, {":protocol", "connect-udp"}, k_scheme, k_path, k_host}) ==
        HeadError::unsupported_protocol);
  CHECK_FALSE(Built({{":method", "CONNECT"}, {":authority", "a:443"}}).head.websocket);
}

TEST_CASE("an answer to an extended CONNECT must not pass for a WebSocket by accident") {
  detail::RequestHead head;
  head.method = Method::connect;
  head.websocket = true;
  for (const int status : {200, 204, 299}) {
    Response response(status);
    correct_answer(response, head);
    CHECK(response.status() == 501);
  }
  for (const int status : {302, 401, 404, 405, 500}) {
    Response response(status);
    correct_answer(response, head);
    CHECK(response.status() == status);
  }
}

TEST_CASE("the limits on a head are those of HTTP/1, by what it would take there") {
  constexpr HeadLimits k_limits{.request_line = 20, .fields = 3, .field_size = 12, .head = 60};
  const auto with = [&](std::string_view path, Lines more) {
    RequestArena arena;
    HeadBuilder builder(k_limits, 1000, arena);
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string_view>{":method", "GET"},
          {":scheme", "http"},
          {":path", path},
          {":authority", "a"}}) {
      builder.add(name, value);
    }
    for (const auto& [name, value] : more) {
      builder.add(name, value);
    }
    detail::RequestHead head;
    return builder.finish(head, true);
  };
  CHECK(with("/2345678", {}) == HeadError::request_line_too_long);
  CHECK(with("/234567", {}) == HeadError::none);
  CHECK(with("/", {{"x", "123456789"}}) == HeadError::none);
  CHECK(with("/", {{"x", "1234567890"}}) == HeadError::field_too_large);
  CHECK(with("/", {{"a", "1"}, {"b", "2"}}) == HeadError::none);
  CHECK(with("/", {{"a", "1"}, {"b", "2"}, {"c", "3"}}) == HeadError::too_many_fields);
  CHECK(with("/23456", {{"a", "123456789"}, {"b", "123456789"}}) == HeadError::none);
  CHECK(with("/234567", {{"a", "123456789"}, {"b", "123456789"}}) == HeadError::head_too_large);
}

TEST_CASE("a head that is too large is not kept, however much of it comes") {
  RequestArena arena;
  const HeadLimits limits;
  HeadBuilder builder(limits, 4096, arena);
  const std::string value(1000, 'v');
  for (int i = 0; i < 1000; ++i) {
    builder.add("x-" + std::to_string(i), value);
  }
  detail::RequestHead head;
  CHECK(builder.finish(head, true) == HeadError::head_too_large);
  CHECK(head.fields.size() <= 4);
  CHECK(builder.list_bytes() > 1'000'000);
}

TEST_CASE("a Priority field is read as a dictionary") {
  const auto is = [](std::string_view value, int urgency, bool incremental) {
    const Priority wanted{static_cast<std::uint8_t>(urgency), incremental};
    return parse_priority(value) == wanted;
  };
  CHECK(is("", 3, false));
  CHECK(is("u=0", 0, false));
  CHECK(is("u=7, i", 7, true));
  CHECK(is("i,u=1", 1, true));
  CHECK(is("u=1 , i=?0", 1, false));
  CHECK(is("i=?1;x=y;z, u=5", 5, true));
  CHECK(is("x=\"a,b\\\"\", u=2", 2, false));
  CHECK(is("u=8", 3, false));
  CHECK(is("u=-1", 3, false));
  CHECK(is("u=1.0", 3, false));
  CHECK(is("u=1, u=6", 6, false));
  CHECK(is("i=1", 3, false));
  CHECK(is("x=(a b), u=2", 2, false));
  for (const std::string_view bad : {"U=1", "u=", "u=1,", ",u=1", "u=1 i", "=1", "u=\"1", "u=1;"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_priority(bad).has_value());
  }
}

TEST_CASE(
    "a client that cancels now and then is never out of tokens, one that does it all the time"
    " is") {
  Clock::time_point now{};
  FloodGuard guard(now);
  bool is_allowed = true;
  for (int second = 0; second < 60 && is_allowed; ++second) {
    for (int i = 0; i < 50 && is_allowed; ++i) {
      is_allowed = guard.spend(FloodGuard::k_reset_cost, now);
    }
    now += 1s;
  }
  CHECK(is_allowed);
  int resets = 0;
  while (guard.spend(FloodGuard::k_reset_cost, now)) {
    ++resets;
  }
  CHECK(resets <= FloodGuard::k_tokens_max / FloodGuard::k_reset_cost);
  now += 100ms;
  CHECK_FALSE(guard.spend(FloodGuard::k_tokens_max, now));
}

TEST_CASE("who takes answers may cancel as many") {
  const Clock::time_point now{};
  FloodGuard guard(now);
  for (int i = 0; i < 100'000; ++i) {
    guard.earn(FloodGuard::k_answer_gain);
    REQUIRE(guard.spend(FloodGuard::k_reset_cost, now));
  }
}

TEST_CASE("a body knows when it is more or less than was announced") {
  IncomingBody body;
  body.begin(true, 5, 0);
  CHECK(body.append("hel"));
  CHECK(body.next() == "hel");
  CHECK(body.lent() == 3);
  CHECK_FALSE(body.append("lo!"));
  body.reset(0);
  body.begin(true, 5, 0);
  CHECK(body.append("hell"));
  CHECK_FALSE(body.end());
  body.reset(0);
  body.begin(true, std::nullopt, 4);
  CHECK(body.append("hell"));
  CHECK_FALSE(body.failed());
  CHECK(body.append("o"));
  CHECK(body.error() == BodyError::too_large);
  body.reset(0);
  body.begin(true, 5, 4);
  CHECK(body.error() == BodyError::too_large);
}

TEST_CASE("trailers are judged as in HTTP/1") {
  const HeadLimits limits{.fields = 2, .field_size = 20, .head = 100};
  const auto is_good = [&](Lines lines) {
    TrailerSection check(limits);
    for (const auto& [name, value] : lines) {
      check.take(name, value);
    }
    return check.is_good();
  };
  CHECK(is_good({}));
  CHECK(is_good({{"x-sum", "1"}, {"y", ""}}));
  CHECK_FALSE(is_good({{"x", "1"}, {"y", "2"}, {"z", "3"}}));
  CHECK_FALSE(is_good({{"content-length", "1"}}));
  CHECK_FALSE(is_good({{":path", "/"}}));
  CHECK_FALSE(is_good({{"X", "1"}}));
  CHECK_FALSE(is_good({{"x", "a\rb"}}));
  CHECK_FALSE(is_good({{"x", "123456789012345678901"}}));
}

TEST_CASE("an answer's fields are in lower case, without those that are the server's to tell") {
  RequestArena arena;
  std::vector<nghttp2_nv> list;
  Fields fields;
  fields.add("X-One", " 1 ").add("Connection", "close").add("Upgrade", "x");
  fields.add("Content-Length", "9").add("Date", "never");
  const auto text = [&] {
    std::string all;
    for (const nghttp2_nv& field : list) {
      all.append(reinterpret_cast<const char*>(field.name), field.namelen).append("=");
      all.append(reinterpret_cast<const char*>(field.value), field.valuelen).append("\n");
    }
    return all;
  };
  list_answer_head(list, {.status = 404, .content_length = 12, .date = "now", .server = "s"},
                   fields, arena);
  CHECK(text() == ":status=404\nx-one=1\ndate=never\nserver=s\ncontent-length=12\n");
  list_interim_head(list, 103, Fields(), arena);
  CHECK(text() == ":status=103\n");
}
