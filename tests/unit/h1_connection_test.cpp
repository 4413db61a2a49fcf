// SPDX-License-Identifier: MIT
#include "h1_wire.hpp"

#include <stdexcept>

#include <uringcorn/task_group.hpp>

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::chrono_literals;
using namespace std::string_literals;
using settings::Settings;

constexpr std::string_view k_get = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr auto k_tolerance = 20ms;  // a timer may be early by the age of a turn

std::string get(std::string_view path, std::string_view fields = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view path, std::string_view fields, std::string_view body = {}) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" +
         std::string(body);
}
std::string post_of_length(std::string_view path, std::string_view body) {
  return post(path, "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}
constexpr std::string_view k_chunked = "Transfer-Encoding: chunked\r\n";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
std::size_t count(std::string_view text, std::string_view part) {
  std::size_t number = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++number;
  }
  return number;
}

/// What the handler below saw, for tests that look behind the wire.
struct Seen {
  int cancelled = 0;
  int finished = 0;
  int body_errors = 0;
};
Seen g_seen;

Task<Response> sleep_and_tell(Request& request, Clock::duration time) {
  try {
    co_await sleep_for(time);
  } catch (const Cancelled&) {
    g_seen.cancelled++;
    throw;
  }
  g_seen.finished++;
  co_return Response::text("slow " + std::string(request.path()));
}

Task<void> write_pieces(BodyWriter& writer, int pieces) {
  for (int i = 0; i < pieces; i++) {
    const std::string piece = "piece " + std::to_string(i) + "\n";
    co_await writer.write(piece);
    co_await sleep_for(1ms);
  }
}

Task<void> write_and_throw(BodyWriter& writer) {
  co_await writer.write("begun");
  throw std::runtime_error("halfway");
}

Task<void> echo_body(Request& request, BodyWriter& writer) {
  for (;;) {
    const std::string_view bytes = co_await request.body().read();
    if (bytes.empty()) {
      co_return;
    }
    co_await writer.write(bytes);
  }
}

Task<void> write_much(BodyWriter& writer, std::size_t bytes) {
  const std::string block(100'000, 'x');
  while (bytes > 0) {
    const std::size_t size = std::min(bytes, block.size());
    co_await writer.write(std::string_view(block).substr(0, size));
    bytes -= size;
  }
}

Task<Response> read_text(Request& request) {
  try {
    std::string text = co_await request.text();
    co_return Response::text(std::move(text));
  } catch (const HttpError&) {
    g_seen.body_errors++;
    throw;
  }
}

/// Gives the first piece of the body up when it does not come at once, then reads all of it.
Task<Response> read_impatiently(Request& request) {
  co_await sleep_for(5ms);  // by now a receive is pending that nobody awaits
  bool was_late = false;
  std::string text;
  try {
    text = co_await with_timeout(5ms, request.body().read());
  } catch (const DeadlineExceeded&) {
    was_late = true;
  }
  const std::string rest = co_await request.text();
  co_return Response::text((was_late ? "late " : "soon ") + text + rest);
}

/// Two tasks at a time want the next piece of the body.
Task<Response> read_twice(Request& request) {
  try {
    co_await when_all(request.body().read(), request.body().read());
  } catch (const std::logic_error& error) {
    co_return Response::text(error.what());
  }
  co_return Response::text("no error");
}

Task<Response> handle(Request& request) {
  const std::string_view path = request.path();
  if (path == "/hello") {
    co_return Response::text("Hello, World!");
  }
  if (path == "/slow") {
    co_return co_await sleep_and_tell(request, 20ms);
  }
  if (path == "/forever") {
    co_return co_await sleep_and_tell(request, 1h);
  }
  if (path == "/text") {
    co_return co_await read_text(request);
  }
  if (path == "/impatient") {
    co_return co_await read_impatiently(request);
  }
  if (path == "/read-twice") {
    co_return co_await read_twice(request);
  }
  if (path == "/throw") {
    throw std::runtime_error("oops");
  }
  if (path == "/teapot") {
    throw HttpError(418, "short and stout");
  }
  if (path == "/invalid-status") {
    co_return Response(99);
  }
  if (path == "/echo") {
    Response response =
        Response::stream([&request](BodyWriter& writer) { return echo_body(request, writer); });
    if (request.body().length()) {
      response.length(*request.body().length());
    }
    co_return response;
  }
  if (path == "/pieces") {
    co_return Response::stream([](BodyWriter& writer) { return write_pieces(writer, 3); });
  }
  if (path == "/trailers" || path == "/trailers-of-length") {
    Response response = Response::stream([](BodyWriter& writer) -> Task<void> {
      co_await writer.write("piece");
      writer.trailers(Fields().add("X-Sum", "1"));
    });
    if (path == "/trailers-of-length") {
      response.length(5);
    }
    co_return response;
  }
  if (path == "/broken-stream") {
    co_return Response::stream(write_and_throw);
  }
  if (path == "/broken-at-once") {
    co_return Response::stream([](BodyWriter&) -> Task<void> { throw std::runtime_error("none"); });
  }
  if (path == "/short-stream") {
    co_return Response::stream([](BodyWriter& writer) {
      return write_pieces(writer, 1);
    }).length(100);
  }
  if (path == "/long-stream") {
    co_return Response::stream([](BodyWriter& writer) {
      return write_pieces(writer, 9);
    }).length(10);
  }
  if (path == "/empty-stream") {
    co_return Response::stream([](BodyWriter&) -> Task<void> { co_return; });
  }
  if (path == "/much") {
    co_return Response::stream([](BodyWriter& writer) {
      return write_much(writer, 30'000'000);
    }).length(30'000'000);
  }
  if (path == "/large") {
    co_return Response::text(std::string(1'000'000, 'l'));
  }
  if (path == "/hints") {
    Fields fields;
    fields.add("Link", "</a.css>");
    co_await request.early_hints(std::move(fields));
    co_return Response::text("hinted");
  }
  if (path == "/who") {
    co_return Response::text(
        std::string(request.method_name()) + " " + std::string(request.target()) + " " +
        std::string(request.query_string()) + " " + std::string(request.authority()) + " " +
        std::to_string(request.version_minor()));
  }
  throw HttpError(404);
}

void with_server(const std::function<void(Server&)>& body, const Settings& settings = {},
                 std::uint16_t buffers = 16) {
  g_seen = {};
  on_each_server(handle, settings, body, buffers);
}

/// `bytes` are answered with `status`, and the connection ends.
void check_refused(Server& server, std::string_view bytes, int status) {
  Wire wire(server);
  wire.send(bytes);
  const std::string all = wire.read_to_end();
  CHECK_MESSAGE(all.starts_with("HTTP/1.1 " + std::to_string(status) + " "), bytes, " -> ", all);
  CHECK(contains(all, "Connection: close\r\n"));
  CHECK(count(all, "\r\nDate: ") == 1);
}

std::chrono::nanoseconds time_of(const std::function<void()>& body) {
  const auto start = Clock::now();
  body();
  return Clock::now() - start;
}

}  // namespace

TEST_CASE("a connection answers one request after the other") {
  with_server([](Server& server) {
    Wire wire(server);
    for (int i = 0; i < 3; i++) {
      const std::string answer = wire.ask(k_get);
      CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
      CHECK(answer.ends_with("\r\n\r\nHello, World!"));
      CHECK(contains(answer, "\r\nDate: "));
      CHECK(contains(answer, "\r\nServer: uringcorn\r\n"));
      CHECK_FALSE(contains(answer, "Connection:"));
    }
    CHECK(server.context.requests_served == 3);
    wire.send_end();
    CHECK(wire.read_to_end().empty());
  });
}

TEST_CASE("the application sees the request as it was sent") {
  with_server([](Server& server) {
    Wire wire(server);
    CHECK(wire.ask(get("/who?a=%20b")).ends_with("\r\n\r\nGET /who?a=%20b a=%20b a 1"));
    CHECK(wire.ask(get("/%77ho")).ends_with("\r\n\r\nGET /%77ho  a 1"));
    CHECK(wire.ask(get("http://b:8/who?x")).ends_with("\r\n\r\nGET http://b:8/who?x x b:8 1"));
    CHECK(wire.ask("GET /who HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
              .ends_with("\r\n\r\nGET /who   0"));
    check_refused(server, get("/%zz"), 400);
    check_refused(server, get("/a%00b"), 400);
  });
}

TEST_CASE("a request that comes in pieces, cut anywhere, is answered") {
  with_server([](Server& server) {
    const std::string request = "\r\n" + post_of_length("/text", "0123456789");
    for (std::size_t cut = 1; cut < request.size(); cut++) {
      Wire wire(server);
      wire.send(request.substr(0, cut));
      server.reactor.turn(1ms);
      wire.send(request.substr(cut));
      CHECK(wire.read_answer().ends_with("\r\n\r\n0123456789"));
    }
    Wire wire(server);
    for (const char c : request) {
      wire.send(std::string_view(&c, 1));
      server.reactor.turn(0ms);
    }
    CHECK(wire.read_answer().ends_with("\r\n\r\n0123456789"));
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("pipelined requests are answered in order, and in one send when they came together") {
  with_server([](Server& server) {
    Wire wire(server);
    std::string requests;
    for (int i = 0; i < 10; i++) {
      requests += get("/who?" + std::to_string(i));
    }
    wire.send(requests);
    const std::string together = wire.receive();
    CHECK(count(together, "HTTP/1.1 200 OK") == 10);
    std::size_t last = 0;
    for (int i = 0; i < 10; i++) {
      const std::size_t at = together.find("/who?" + std::to_string(i));
      CHECK(at > last);
      last = at;
    }
  });
}

TEST_CASE("a pipeline longer than any buffer is answered whole") {
  with_server([](Server& server) {
    Wire wire(server);
    constexpr int k_requests = 3000;
    std::string requests;
    for (int i = 0; i < k_requests; i++) {
      requests += k_get;
    }
    std::string_view left = requests;
    std::string answers;
    server.turn_until([&] {
      const ssize_t sent = ::send(wire.fd(), left.data(), left.size(), MSG_DONTWAIT);
      left.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
      std::array<char, 5000> bytes;
      const ssize_t got = ::recv(wire.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      answers.append(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
      return count(answers, "Hello, World!") == k_requests;
    });
  });
}

TEST_CASE("a slow handler is not overtaken, and holds no earlier answer back") {
  with_server([](Server& server) {
    Wire wire(server);
    wire.send(std::string(k_get) + get("/forever"));
    CHECK(wire.read_answer().ends_with("Hello, World!"));
    Wire other(server);
    other.send(std::string(k_get) + get("/slow") + get("/who") + get("/slow"));
    CHECK(other.read_answer().ends_with("Hello, World!"));
    CHECK(other.read_answer().ends_with("slow /slow"));
    CHECK(other.read_answer().ends_with("/who  a 1"));
    CHECK(other.read_answer().ends_with("slow /slow"));
  });
}

TEST_CASE("a refused head gets its status, and nothing behind it is read") {
  with_server([](Server& server) {
    const std::string hidden(k_get);
    check_refused(server, "GET / HTTP/1.1\nHost: a\r\n\r\n" + hidden, 400);
    check_refused(server, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" + hidden, 505);
    check_refused(server, get("/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + hidden,
                  400);
    check_refused(server, get("/", "Transfer-Encoding: gzip\r\n") + hidden, 501);
    check_refused(server, get("/", "Expect: tea\r\n") + hidden, 417);
    check_refused(server, get("/", "X: " + std::string(9000, 'x') + "\r\n") + hidden, 431);
    check_refused(server, get("/" + std::string(9000, 'x')) + hidden, 414);
    check_refused(server, "\x16\x03\x01", 400);
    Wire wire(server);
    wire.send(std::string(k_get) + "BAD\r\n\r\n");
    const std::string all = wire.read_to_end();
    CHECK(count(all, "HTTP/1.1 200") == 1);
    CHECK(count(all, "HTTP/1.1 400") == 1);
  });
}

TEST_CASE("CONNECT is answered 501 and ends the connection") {
  with_server([](Server& server) {
    check_refused(server, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(k_get), 501);
  });
}

TEST_CASE("a body is read whole, however it is framed and cut") {
  with_server([](Server& server) {
    Wire wire(server);
    const std::string large(100'000, 'b');
    CHECK(wire.ask(post_of_length("/text", large)).ends_with("\r\n\r\n" + large));
    const std::string chunks = "5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n";
    CHECK(wire.ask(post("/text", k_chunked, chunks)).ends_with("\r\n\r\nhello world"));
    wire.send(post("/text", k_chunked));
    for (const char c : chunks) {
      wire.send(std::string_view(&c, 1));
      server.reactor.turn(0ms);
    }
    CHECK(wire.read_answer().ends_with("\r\n\r\nhello world"));
    CHECK(wire.ask(post_of_length("/text", "") + std::string(k_get)).ends_with("\r\n\r\n"));
    CHECK(wire.read_answer().ends_with("Hello, World!"));
  });
}

TEST_CASE("a body with bad framing is an error to its handler and ends the connection") {
  with_server([](Server& server) {
    for (const std::string& body :
         {"g\r\n"s, "5\r\nhelloX\r\n"s, "5 \r\n"s, "0\r\nHost: x\r\n\r\n"s}) {
      g_seen.body_errors = 0;
      check_refused(server, post("/text", k_chunked, body + std::string(k_get)), 400);
      CHECK(g_seen.body_errors == 1);
    }
    // A handler that does not look at the body learns nothing; the connection ends all the same.
    Wire wire(server);
    wire.send(post("/hello", k_chunked, "zzz\r\n" + std::string(k_get)));
    CHECK(count(wire.read_to_end(), "HTTP/1.1") == 1);
  });
}

TEST_CASE("a body that ends early is an error to its handler") {
  with_server([](Server& server) {
    for (const bool chunked : {false, true}) {
      g_seen.body_errors = 0;
      Wire wire(server);
      wire.send(chunked ? post("/text", k_chunked, "5\r\nab")
                        : post("/text", "Content-Length: 10\r\n", "abc"));
      wire.send_end();
      CHECK(wire.read_to_end().starts_with("HTTP/1.1 400 "));
      CHECK(g_seen.body_errors == 1);
    }
  });
}

TEST_CASE("a body past limit-request-body is refused, at once when its length is announced") {
  Settings settings;
  settings.limit_request_body = 10;
  with_server(
      [](Server& server) {
        check_refused(server, post("/hello", "Content-Length: 11\r\n"), 413);
        check_refused(server, post("/text", k_chunked, "b\r\n01234567890\r\n0\r\n\r\n"), 413);
        Wire wire(server);
        CHECK(wire.ask(post_of_length("/text", "0123456789")).starts_with("HTTP/1.1 200"));
        CHECK(wire.ask(post("/text", k_chunked, "a\r\n0123456789\r\n0\r\n\r\n"))
                  .starts_with("HTTP/1.1 200"));
      },
      settings);
}

TEST_CASE("100 Continue is sent when the body is first waited for, and only then") {
  with_server([](Server& server) {
    const std::string expecting = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    {
      Wire wire(server);
      wire.send(std::string(k_get) + post("/text", expecting));
      CHECK(wire.read_answer().ends_with("Hello, World!"));
      CHECK(wire.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
      CHECK(wire.ask("hello").ends_with("\r\n\r\nhello"));
      CHECK(wire.ask(k_get).ends_with("Hello, World!"));
    }
    {
      // A handler that never reads: no 100, and the end, since the body may or may not follow.
      Wire wire(server);
      wire.send(post("/hello", expecting));
      const std::string all = wire.read_to_end();
      CHECK(all.starts_with("HTTP/1.1 200"));
      CHECK(contains(all, "Connection: close\r\n"));
    }
    {
      // The body came unasked: there is nothing to continue.
      Wire wire(server);
      CHECK(wire.ask(post("/text", expecting, "hello")).starts_with("HTTP/1.1 200"));
    }
    {
      // A producer that reads first.
      Wire wire(server);
      wire.send(post("/echo", expecting));
      CHECK(wire.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
      CHECK(wire.ask("hello").ends_with("\r\n\r\nhello"));
    }
  });
}

TEST_CASE("a body that nobody read is discarded up to a limit, beyond it the connection ends") {
  Settings settings;
  settings.limit_unread_body = 20'000;
  with_server(
      [](Server& server) {
        const std::string body(20'000, 'u');
        {
          Wire wire(server);
          CHECK(wire.ask(post_of_length("/hello", body)).ends_with("Hello, World!"));
          CHECK(wire.ask(post("/hello", k_chunked, "4e20\r\n" + body + "\r\n0\r\n\r\n"))
                    .ends_with("Hello, World!"));
          // The answer does not wait for the body.
          CHECK(wire.ask(post("/hello", "Content-Length: 5\r\n")).ends_with("Hello, World!"));
          CHECK(wire.ask("12345" + std::string(k_get)).ends_with("Hello, World!"));
        }
        {
          Wire wire(server);
          wire.send(post("/hello", "Content-Length: 20001\r\n", body));
          const std::string answer = wire.read_answer();
          CHECK(contains(answer, "Connection: close\r\n"));
          // The end is a FIN while we still send: the answer was not lost to a reset.
          wire.send("1" + std::string(k_get));
          CHECK(wire.read_to_end().empty());
        }
        {
          Wire wire(server);
          wire.send(post("/hello", k_chunked, "4e21\r\n" + body + "x\r\n"));
          CHECK(wire.read_answer().ends_with("Hello, World!"));
          wire.send(k_get);
          CHECK_FALSE(contains(wire.read_to_end(), "HTTP/1.1"));
        }
      },
      settings);
}

TEST_CASE("a head that takes too long is answered 408, however it drips") {
  Settings settings;
  settings.request_head_timeout = 100ms;
  settings.keep_alive = 1h;
  with_server(
      [](Server& server) {
        for (const bool is_second : {false, true}) {
          Wire wire(server);
          if (is_second) {
            CHECK(wire.ask(k_get).starts_with("HTTP/1.1 200"));
          }
          const auto start = Clock::now();
          wire.send("GET / HT");
          std::string all;
          auto next_drip = start;
          while (all.empty()) {
            REQUIRE(Clock::now() < start + k_patience);
            if (Clock::now() > next_drip) {
              ::send(wire.fd(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
              next_drip += 10ms;
            }
            server.reactor.turn(5ms);
            std::array<char, 4096> bytes;
            const ssize_t got = ::recv(wire.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            all.assign(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
          }
          CHECK_MESSAGE(all.starts_with("HTTP/1.1 408 "), all);
          CHECK(contains(all, "Connection: close\r\n"));
          CHECK(Clock::now() - start >= 100ms - k_tolerance);
        }
        // Who sends nothing at all gets nothing.
        Wire silent(server);
        CHECK(time_of([&] { CHECK(silent.read_to_end().empty()); }) >= 100ms - k_tolerance);
      },
      settings);
}

TEST_CASE("an idle connection ends after keep-alive, without an answer") {
  Settings settings;
  settings.keep_alive = 100ms;
  with_server(
      [](Server& server) {
        Wire wire(server);
        wire.ask(k_get);
        CHECK(time_of([&] { CHECK(wire.read_to_end().empty()); }) >= 100ms - k_tolerance);
      },
      settings);
  settings.keep_alive = 0ms;
  with_server(
      [](Server& server) {
        Wire wire(server);
        CHECK(contains(wire.ask(k_get), "Connection: close\r\n"));
        CHECK(wire.read_to_end().empty());
      },
      settings);
}

TEST_CASE("a body without progress is a 408 to its handler") {
  Settings settings;
  settings.body_timeout = 100ms;
  with_server(
      [](Server& server) {
        Wire wire(server);
        wire.send(post("/text", "Content-Length: 10\r\n", "abc"));
        std::string all;
        CHECK(time_of([&] { all = wire.read_to_end(); }) >= 100ms - k_tolerance);
        CHECK_MESSAGE(all.starts_with("HTTP/1.1 408 "), all);
        CHECK(contains(all, "Connection: close\r\n"));
      },
      settings);
}

TEST_CASE("a client that takes nothing is given up after write-timeout") {
  Settings settings;
  settings.write_timeout = 100ms;
  with_server(
      [](Server& server) {
        for (const std::string_view path : {"/much", "/large"}) {
          Wire wire(server);
          const int small = 4096;
          ::setsockopt(wire.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
          const auto waited = time_of([&] {
            wire.send(get(path));
            server.turn_until([&] { return wire.served(); });
          });
          CHECK(waited >= 100ms - k_tolerance);
        }
      },
      settings);
}

TEST_CASE("a request past its time is answered 504 and its handler is cancelled") {
  Settings settings;
  settings.request_timeout = 100ms;
  with_server(
      [](Server& server) {
        g_seen = {};
        Wire wire(server);
        std::string all;
        const auto waited = time_of([&] {
          wire.send(get("/forever"));
          all = wire.read_to_end();
        });
        CHECK(waited >= 100ms - k_tolerance);
        CHECK(all.starts_with("HTTP/1.1 504 "));
        CHECK(g_seen.cancelled == 1);
        // Also while it waits for the body.
        Wire reading(server);
        reading.send(post("/text", "Content-Length: 10\r\n", "abc"));
        CHECK(reading.read_to_end().starts_with("HTTP/1.1 504 "));
        Wire quick(server);
        CHECK(quick.ask(get("/slow")).ends_with("slow /slow"));
        CHECK(quick.ask(k_get).ends_with("Hello, World!"));
      },
      settings);
}

TEST_CASE("a client that leaves cancels its handler") {
  with_server([](Server& server) {
    g_seen = {};
    Wire wire(server);
    wire.send(get("/forever"));
    server.reactor.turn(5ms);
    wire.close();
    server.turn_until([&] { return wire.served(); });
    CHECK(g_seen.cancelled == 1);
    // Also behind a body that was read, and after another slow request.
    Wire other(server);
    CHECK(other.ask(get("/slow")).ends_with("slow /slow"));
    CHECK(other.ask(post_of_length("/text", "abc")).ends_with("abc"));
    other.send(get("/forever"));
    server.reactor.turn(5ms);
    other.close();
    server.turn_until([&] { return other.served(); });
    CHECK(g_seen.cancelled == 2);
  });
}

TEST_CASE("cancelling the connection's scope cancels the handler and ends it at once") {
  with_server([](Server& server) {
    for (const std::string& request : {get("/forever"), post("/text", "Content-Length: 9\r\n"),
                                       std::string(k_get), "GET"s, ""s}) {
      CAPTURE(request);
      Wire wire(server);
      wire.send(request);
      server.reactor.turn(5ms);
      wire.cancel();
      server.turn_until([&] { return wire.served(); });
    }
  });
}

TEST_CASE("a read of the body can be given up and taken up again") {
  with_server([](Server& server) {
    Wire wire(server);
    wire.send(post("/impatient", "Content-Length: 5\r\n"));
    const auto enough = Clock::now() + 50ms;
    server.turn_until([&] { return Clock::now() > enough; });
    CHECK(wire.ask("hello").ends_with("\r\n\r\nlate hello"));
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("two reads of a body at a time are a mistake that is told") {
  with_server([](Server& server) {
    for (const std::string_view expect : {"", "Expect: 100-continue\r\n"}) {
      Wire wire(server);
      wire.send(post("/read-twice", "Content-Length: 5\r\n" + std::string(expect)));
      const std::string end = "\r\n\r\nthe body of this request is being read already";
      CHECK(contains(wire.read_until("already"), end));
    }
  });
}

TEST_CASE("slow requests hold none of the reactor's buffers") {
  constexpr std::uint16_t k_buffers = 4;
  with_server(
      [](Server& server) {
        std::vector<std::unique_ptr<Wire>> slow;
        for (int i = 0; i < 3 * k_buffers; i++) {
          slow.push_back(std::make_unique<Wire>(server));
          slow.back()->send(post("/forever", "Content-Length: 100\r\n", "unread"));
          server.reactor.turn(1ms);
          slow.back()->send("more");
          server.reactor.turn(1ms);
        }
        Wire wire(server);
        CHECK(wire.ask(k_get).ends_with("Hello, World!"));
      },
      {}, k_buffers);
}

TEST_CASE("exceptions of a handler become error pages, and the connection goes on") {
  with_server([](Server& server) {
    Wire wire(server);
    CHECK(wire.ask(get("/throw")).starts_with("HTTP/1.1 500 "));
    const std::string teapot = wire.ask(get("/teapot"));
    CHECK(teapot.starts_with("HTTP/1.1 418 I'm a teapot\r\n"));
    CHECK(contains(teapot, "short and stout"));
    CHECK(wire.ask(get("/invalid-status")).starts_with("HTTP/1.1 500 "));
    CHECK(wire.ask(get("/nowhere")).starts_with("HTTP/1.1 404 "));
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("a streamed body is chunked, or of its announced length, or ends the connection") {
  with_server([](Server& server) {
    {
      Wire wire(server);
      const std::string head = wire.ask(get("/pieces"));
      CHECK(contains(head, "Transfer-Encoding: chunked\r\n"));
      CHECK(wire.read_until("0\r\n\r\n") ==
            "8\r\npiece 0\n\r\n8\r\npiece 1\n\r\n8\r\npiece 2\n\r\n0\r\n\r\n");
      CHECK(contains(wire.ask(get("/empty-stream")), "Transfer-Encoding: chunked\r\n"));
      CHECK(wire.read_until("0\r\n\r\n") == "0\r\n\r\n");
      CHECK(wire.ask(post_of_length("/echo", "echo")).ends_with("\r\n\r\necho"));
      CHECK(contains(wire.ask(post("/echo", k_chunked, "4\r\necho\r\n0\r\n\r\n")), "chunked"));
      CHECK(wire.read_until("0\r\n\r\n") == "4\r\necho\r\n0\r\n\r\n");
      CHECK(wire.ask(k_get).ends_with("Hello, World!"));
    }
    {
      Wire wire(server);
      wire.send("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      const std::string all = wire.read_to_end();
      CHECK_FALSE(contains(all, "Transfer-Encoding"));
      CHECK(all.ends_with("\r\n\r\npiece 0\npiece 1\npiece 2\n"));
    }
  });
}

TEST_CASE("trailers follow a body that is sent in chunks, and no other") {
  with_server([](Server& server) {
    {
      Wire wire(server);
      CHECK(contains(wire.ask(get("/trailers")), "Transfer-Encoding: chunked\r\n"));
      CHECK(wire.read_until("\r\n\r\n") == "5\r\npiece\r\n0\r\nX-Sum: 1\r\n\r\n");
      CHECK(wire.ask(get("/trailers-of-length")).ends_with("\r\n\r\npiece"));
      wire.send("HEAD /trailers HTTP/1.1\r\nHost: h\r\n\r\n");
      CHECK(wire.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
      CHECK(wire.ask(k_get).ends_with("Hello, World!"));
    }
    {
      Wire wire(server);
      wire.send("GET /trailers HTTP/1.0\r\n\r\n");
      CHECK(wire.read_to_end().ends_with("\r\n\r\npiece"));
    }
  });
}

TEST_CASE("large bodies go out whole, to a client that takes them slowly") {
  with_server([](Server& server) {
    Wire wire(server);
    const std::string large = wire.ask(get("/large"));
    CHECK(large.ends_with("\r\n\r\n" + std::string(1'000'000, 'l')));
    CHECK(wire.ask(get("/much")).size() > 30'000'000);
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("a producer whose client takes everything lets others have their turn") {
  with_server([](Server& server) {
    Wire greedy(server);
    greedy.send(get("/much"));
    server.reactor.turn(1ms);
    Wire wire(server);
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("a large upload is echoed while it comes") {
  with_server([](Server& server) {
    Wire wire(server);
    constexpr std::size_t k_bytes = 5'000'000;
    wire.send(post("/echo", "Content-Length: " + std::to_string(k_bytes) + "\r\n"));
    std::size_t unsent = k_bytes;
    std::size_t received = 0;
    const std::string head = wire.read_until("\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 200"));
    const std::string block(50'000, 'e');
    server.turn_until([&] {
      const ssize_t sent = unsent == 0 ? 0
                                       : ::send(wire.fd(), block.data(),
                                                std::min(unsent, block.size()), MSG_DONTWAIT);
      unsent -= sent > 0 ? static_cast<std::size_t>(sent) : 0;
      std::array<char, 30'000> bytes;
      const ssize_t got = ::recv(wire.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      received += got > 0 ? static_cast<std::size_t>(got) : 0;
      return received == k_bytes;
    });
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("a streamed body that fails never looks whole") {
  with_server([](Server& server) {
    for (const std::string_view path : {"/broken-stream", "/short-stream", "/long-stream"}) {
      CAPTURE(path);
      Wire wire(server);
      wire.send(get(path) + std::string(k_get));
      const std::string all = wire.read_to_end();
      CHECK(all.starts_with("HTTP/1.1 200"));
      CHECK_FALSE(contains(all, "\r\n0\r\n"));
      CHECK_FALSE(contains(all, "Hello"));
    }
    // Before anything was sent there is still time for an error page.
    Wire wire(server);
    CHECK(wire.ask(get("/broken-at-once")).starts_with("HTTP/1.1 500 "));
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("HEAD has the fields of GET and no body") {
  with_server([](Server& server) {
    Wire wire(server);
    for (const std::string_view path : {"/hello", "/pieces", "/large"}) {
      wire.send("HEAD " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
      const std::string head = wire.read_until("\r\n\r\n");
      CHECK((contains(head, "Content-Length: ") || contains(head, "Transfer-Encoding: chunked")));
    }
    CHECK(wire.ask(k_get).ends_with("Hello, World!"));
  });
}

TEST_CASE("early hints go ahead of the answer, but not to HTTP/1.0") {
  with_server([](Server& server) {
    Wire wire(server);
    wire.send(get("/hints"));
    CHECK(wire.read_until("\r\n\r\n") == "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    CHECK(wire.read_answer().ends_with("hinted"));
    CHECK(wire.ask("GET /hints HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200"));
  });
}

TEST_CASE("a connection ends when its client, a limit or a drain says so") {
  Settings settings;
  settings.limit_keepalive_requests = 3;
  with_server(
      [](Server& server) {
        {
          Wire wire(server);
          wire.send(get("/hello", "Connection: x, Close\r\n") + std::string(k_get));
          const std::string all = wire.read_to_end();
          CHECK(count(all, "Hello, World!") == 1);
          CHECK(contains(all, "Connection: close\r\n"));
        }
        {
          Wire wire(server);
          CHECK_FALSE(contains(wire.ask(k_get), "Connection: close"));
          CHECK_FALSE(contains(wire.ask(k_get), "Connection: close"));
          CHECK(contains(wire.ask(k_get), "Connection: close"));
          CHECK(wire.read_to_end().empty());
        }
        {
          Wire wire(server);
          wire.send("GET /hello HTTP/1.0\r\n\r\n");
          CHECK(wire.read_to_end().ends_with("Hello, World!"));
          Wire kept(server);
          CHECK(contains(kept.ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                         "Connection: keep-alive\r\n"));
          CHECK(kept.ask(k_get).ends_with("Hello, World!"));
        }
        Wire idle(server);
        CHECK_FALSE(contains(idle.ask(k_get), "Connection: close"));
        Wire slow(server);
        slow.send(get("/slow"));
        server.context.drain.set();
        CHECK(contains(slow.read_answer(), "Connection: close"));
        CHECK(contains(idle.ask(k_get), "Connection: close"));
        CHECK(idle.read_to_end().empty());
      },
      settings);
}

TEST_CASE("a pipelining client that half-closes gets its answers") {
  with_server([](Server& server) {
    Wire wire(server);
    wire.send(std::string(k_get) + std::string(k_get));
    wire.send_end();
    CHECK(count(wire.read_to_end(), "Hello, World!") == 2);
  });
}
