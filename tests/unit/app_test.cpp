// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <uringcorn/app.hpp>
#include <uringcorn/time.hpp>

#include "fake_request.hpp"

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::string_literals;

namespace {

struct Answer {
  int status = 0;
  std::string body;
  std::string allow;
};

Answer ask(Application& application, FakeRequest& fake) {
  Response response = finish(application.handle(fake.request()));
  return {response.status(), body_of(response),
          std::string(response.fields().get("Allow").value_or(""))};
}

Answer ask(Application& application, const std::string& method, const std::string& target) {
  FakeRequest fake(method, target);
  return ask(application, fake);
}

std::string get(Application& application, const std::string& target) {
  return ask(application, "GET", target).body;
}

Task<Response> hello(Request&) {
  co_return Response::text("hello");
}

Response echo_id(const Request& request) {
  return Response::text(std::string(request.param("id")));
}

Task<void> count(Request& request, EventStream events) {
  const int last = request.query<int>("to").value_or(1);
  for (int i = 1; i <= last; ++i) {
    co_await events.send(std::to_string(i));
  }
}

auto answering(std::string text) {
  return [text = std::move(text)](Request&) { return Response::text(text); };
}

/// A middleware that writes its name around what stands behind it.
Middleware around(std::string name) {
  return [name = std::move(name)](Request& request, Next next) -> Task<Response> {
    Response response = co_await next(request);
    response.body(name + "(" + std::string(response.body()) + ")");
    co_return response;
  };
}

}  // namespace

TEST_CASE("handlers may be coroutines, functions, lambdas and event sources") {
  auto app = make_application([](App& app) {
    app.get("/hello", hello)
        .get("/item/{id}", echo_id)
        .get("/count", count)
        .get("/lambda", [](Request&) -> Task<Response> { co_return Response::text("lambda"); })
        .get("/mutable", [n = 0](Request&) mutable { return Response::text(std::to_string(++n)); });
  });
  CHECK(get(*app, "/hello") == "hello");
  CHECK(get(*app, "/item/7") == "7");
  CHECK(get(*app, "/count?to=2") == "data: 1\n\ndata: 2\n\n");
  CHECK(get(*app, "/lambda") == "lambda");
  CHECK(get(*app, "/mutable") == "1");
  CHECK(get(*app, "/mutable") == "2");
}

TEST_CASE("handlers refer to the state of the app") {
  auto app = make_application([](App& app) {
    auto& names = app.emplace_state<std::vector<std::string>>(2, "x");
    app.get("/", [&names](Request&) -> Task<Response> {
      names.emplace_back("y");
      co_return Response::text(std::to_string(names.size()));
    });
  });
  CHECK(get(*app, "/") == "3");
  CHECK(get(*app, "/") == "4");
}

TEST_CASE("each method has its handler") {
  auto app = make_application([](App& app) {
    app.get("/", answering("get"));
    app.post("/", answering("post"));
    app.put("/", answering("put"));
    app.patch("/", answering("patch"));
    app.del("/", answering("delete"));
    app.head("/", answering("head"));
    app.options("/", answering("options"));
    app.any("/any", answering("any"));
  });
  CHECK(ask(*app, "GET", "/").body == "get");
  CHECK(ask(*app, "POST", "/").body == "post");
  CHECK(ask(*app, "PUT", "/").body == "put");
  CHECK(ask(*app, "PATCH", "/").body == "patch");
  CHECK(ask(*app, "DELETE", "/").body == "delete");
  CHECK(ask(*app, "HEAD", "/").body == "head");
  CHECK(ask(*app, "OPTIONS", "/").body == "options");
  CHECK(ask(*app, "PROPFIND", "/any").body == "any");
  CHECK(ask(*app, "OPTIONS", "/any").body == "any");
  CHECK(ask(*app, "TRACE", "/any").status == 405);
  CHECK(ask(*app, "TRACE", "/any").allow == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

TEST_CASE("an unknown path is answered 404, another method 405 with Allow") {
  auto app = make_application([](App& app) { app.get("/a", hello).del("/a", hello); });
  CHECK(ask(*app, "GET", "/b").status == 404);
  CHECK(ask(*app, "GET", "/b").body == "404 Not Found\n");
  CHECK(ask(*app, "GET", "/b").allow.empty());
  CHECK(ask(*app, "POST", "/a").status == 405);
  CHECK(ask(*app, "POST", "/a").allow == "GET, HEAD, DELETE, OPTIONS");
  CHECK(ask(*app, "PROPFIND", "/a").status == 405);
  CHECK(ask(*app, "POST", "/b").status == 404);
  CHECK(ask(*app, "CONNECT", "shop.example:80").status == 404);
}

TEST_CASE("HEAD is answered by GET, OPTIONS by the methods") {
  auto app = make_application([](App& app) { app.get("/a", hello).post("/b", hello); });
  CHECK(ask(*app, "HEAD", "/a").status == 200);
  CHECK(ask(*app, "HEAD", "/b").status == 405);
  CHECK(ask(*app, "OPTIONS", "/a").status == 200);
  CHECK(ask(*app, "OPTIONS", "/a").allow == "GET, HEAD, OPTIONS");
  CHECK(ask(*app, "OPTIONS", "/b").allow == "POST, OPTIONS");
  CHECK(ask(*app, "OPTIONS", "/c").status == 404);
  CHECK(ask(*app, "OPTIONS", "*").status == 200);
  CHECK(ask(*app, "OPTIONS", "*").allow == "GET, HEAD, POST, OPTIONS");
}

TEST_CASE("segments are matched decoded, and an escaped slash ends none") {
  auto app = make_application([](App& app) {
    app.get("/item/{id}", echo_id);
    app.get("/item/a/b", answering("two segments"));
    app.get("/caf\xc3\xa9", answering("coffee"));
    app.get("/files/{id...}", echo_id);
  });
  CHECK(get(*app, "/item/a%20b") == "a b");
  CHECK(get(*app, "/item/a%2Fb") == "a/b");
  CHECK(get(*app, "/item/a%2fb?x=%2F") == "a/b");
  CHECK(get(*app, "/item/a/b") == "two segments");
  CHECK(get(*app, "/%69tem/%7Bid%7D") == "{id}");
  CHECK(get(*app, "/caf%C3%A9") == "coffee");
  CHECK(get(*app, "/files/a%2Fb/c%25") == "a/b/c%");
  CHECK(get(*app, "/item/100%") == "100%");
  CHECK(get(*app, "/item/a+b") == "a+b");
  CHECK(ask(*app, "GET", "/item%2Fx").status == 404);
  CHECK(get(*app, "/item/x?y=%41") == "x");
}

TEST_CASE("a target in absolute form is routed by its path") {
  auto app = make_application([](App& app) {
    app.get("/", answering("root"));
    app.get("/item/{id}", echo_id);
  });
  FakeRequest escaped("GET", "http://shop.example/item/a%2Fb?c=/d");
  escaped.head().path = "/item/a/b";
  CHECK(ask(*app, escaped).body == "a/b");
  FakeRequest no_path("GET", "http://shop.example?c=/%20");
  no_path.head().path = "/";
  CHECK(ask(*app, no_path).body == "root");
}

TEST_CASE("path parameters are typed on demand") {
  auto app = make_application([](App& app) {
    app.get("/{n}/{text}", [](Request& request) {
      const auto n = request.param<int>("n");
      CHECK_THROWS_AS(request.param("missing"), std::out_of_range);
      return Response::text(n ? std::to_string(*n + 1)
                              : "no number " + std::string(request.param("text")));
    });
  });
  CHECK(get(*app, "/41/x") == "42");
  CHECK(get(*app, "/-1/x") == "0");
  CHECK(get(*app, "/4x/y") == "no number y");
  CHECK(get(*app, "/99999999999/z") == "no number z");
}

TEST_CASE("groups have prefixes, and nest") {
  auto app = make_application([](App& app) {
    RouteGroup api = app.group("/api");
    api.get("", answering("api")).get("/", answering("api/")).get("/users", answering("users"));
    RouteGroup user = api.group("/users/{id}");
    user.get("", echo_id).get("/posts/{post}", [](Request& request) {
      return Response::text(std::string(request.param("id")) + "/" +
                            std::string(request.param("post")));
    });
    app.group("").get("/plain", answering("plain"));
  });
  CHECK(get(*app, "/api") == "api");
  CHECK(get(*app, "/api/") == "api/");
  CHECK(get(*app, "/api/users") == "users");
  CHECK(get(*app, "/api/users/7") == "7");
  CHECK(get(*app, "/api/users/7/posts/9") == "7/9");
  CHECK(get(*app, "/plain") == "plain");
}

TEST_CASE("middleware stands around handlers in the order of registration") {
  auto app = make_application([](App& app) {
    RouteGroup api = app.group("/api");
    api.get("/a", answering("a"));
    api.use(around("inner"));
    api.group("/deep").use(around("deepest")).get("/b", answering("b"));
    app.use(around("first"));
    app.use(around("second"));
    app.get("/plain", answering("plain"));
  });
  CHECK(get(*app, "/plain") == "first(second(plain))");
  CHECK(get(*app, "/api/a") == "first(second(inner(a)))");
  CHECK(get(*app, "/api/deep/b") == "first(second(inner(deepest(b))))");
}

TEST_CASE("middleware sees automatic answers") {
  auto app = make_application([](App& app) {
    app.use(around("all"));
    app.group("/api").use(around("api")).get("/a", answering("a"));
  });
  CHECK(get(*app, "/nowhere") == "all(404 Not Found\n)");
  CHECK(get(*app, "/api/nowhere") == "all(404 Not Found\n)");
  CHECK(ask(*app, "POST", "/api/a").body == "all(api(405 Method Not Allowed\n))");
  CHECK(ask(*app, "POST", "/api/a").allow == "GET, HEAD, OPTIONS");
  CHECK(ask(*app, "OPTIONS", "/api/a").body == "all(api())");
}

TEST_CASE("middleware may answer by itself, twice, or catch") {
  auto app = make_application([](App& app) {
    app.group("")
        .use([](Request&, Next) -> Task<Response> {
          co_return Response::text("denied").status(403);
        })
        .get("/closed", hello);
    app.group("")
        .use([](Request& request, Next next) -> Task<Response> {
          Response first = co_await next(request);
          Response second = co_await next(request);
          co_return Response::text(std::string(first.body()) + std::string(second.body()));
        })
        .get("/twice", [n = 0](Request&) mutable { return Response::text(std::to_string(n++)); });
    app.group("")
        .use([](Request& request, Next next) -> Task<Response> {
          try {
            Response response = co_await next(request);
            co_return response;
          } catch (const std::runtime_error& error) {
            co_return Response::text(error.what());
          }
        })
        .get("/throws", [](Request&) -> Response { throw std::runtime_error("caught"); });
  });
  CHECK(ask(*app, "GET", "/closed").status == 403);
  CHECK(get(*app, "/twice") == "01");
  CHECK(get(*app, "/throws") == "caught");
}

TEST_CASE("without an error handler exceptions pass to the server") {
  auto app = make_application([](App& app) {
    app.get("/now", [](Request&) -> Task<Response> { throw std::runtime_error("no coroutine"); });
    app.get("/later", [](Request&) -> Task<Response> {
      throw HttpError(418, "tea");
      co_return Response();
    });
  });
  CHECK_THROWS_AS(get(*app, "/now"), std::runtime_error);
  CHECK_THROWS_AS(get(*app, "/later"), HttpError);
}

TEST_CASE("an error handler answers for exceptions, 404 and 405") {
  auto app = make_application([](App& app) {
    app.on_error([](std::exception_ptr error, Request& request) {
      try {
        std::rethrow_exception(error);
      } catch (const HttpError& http) {
        return Response::json("{}").status(http.status());
      } catch (const std::runtime_error& other) {
        return Response::text(std::string(request.path()) + " " + other.what()).status(503);
      }
    });
    app.get("/now", [](Request&) -> Task<Response> { throw std::runtime_error("now"); });
    app.get("/later", [](Request&) -> Task<Response> {
      throw std::runtime_error("later");
      co_return Response();
    });
    app.get("/other", [](Request&) -> Response { throw std::logic_error("other"); });
    app.get("/cancelled", [](Request&) -> Response { throw Cancelled(); });
  });
  CHECK(get(*app, "/now") == "/now now");
  CHECK(ask(*app, "GET", "/later").status == 503);
  CHECK(ask(*app, "GET", "/missing").status == 404);
  CHECK(get(*app, "/missing") == "{}");
  CHECK(ask(*app, "POST", "/now").status == 405);
  CHECK(ask(*app, "POST", "/now").allow == "GET, HEAD, OPTIONS");
  CHECK_THROWS_AS(get(*app, "/other"), std::logic_error);
  CHECK_THROWS_AS(get(*app, "/cancelled"), Cancelled);
}

TEST_CASE("hooks run in order at startup, in reverse order at shutdown") {
  std::vector<std::string> log;
  const auto writing = [&log](std::string line) {
    return [&log, line]() -> Task<void> {
      log.push_back(line);
      co_return;
    };
  };
  auto app = make_application([&](App& app) {
    app.on_startup(writing("up 1")).on_startup(writing("up 2"));
    app.on_shutdown(writing("down 1"));
    app.on_shutdown([&log]() -> Task<void> {
      log.emplace_back("down 2 fails");
      throw std::runtime_error("down 2");
      co_return;
    });
  });
  finish(app->startup());
  CHECK_THROWS_WITH_AS(finish(app->shutdown()), "down 2", std::runtime_error);
  CHECK(log == std::vector{"up 1"s, "up 2"s, "down 2 fails"s, "down 1"s});
}

TEST_CASE("an exception at startup passes and ends it") {
  bool went_on = false;
  auto app = make_application([&](App& app) {
    app.on_startup([]() -> Task<void> { throw std::runtime_error("no database"); });
    app.on_startup([&went_on]() -> Task<void> {
      went_on = true;
      co_return;
    });
  });
  CHECK_THROWS_WITH_AS(finish(app->startup()), "no database", std::runtime_error);
  CHECK_FALSE(went_on);
}

TEST_CASE("state outlives handlers, and goes in reverse order") {
  std::vector<std::string> log;
  struct Logged {
    std::vector<std::string>& log;
    std::string name;
    Logged(std::vector<std::string>& target, std::string text)
        : log(target), name(std::move(text)) {}
    Logged(const Logged&) = delete;
    Logged& operator=(const Logged&) = delete;
    ~Logged() { log.push_back(name); }
  };
  auto app = make_application([&](App& app) {
    app.emplace_state<Logged>(log, "first");
    app.emplace_state<Logged>(log, "second");
    app.get("/", [kept = std::make_shared<Logged>(log, "handler")](Request&) {
      return Response::text(kept->name);
    });
  });
  CHECK(log.empty());
  app.reset();
  CHECK(log == std::vector{"handler"s, "second"s, "first"s});
}

TEST_CASE("mistakes at registration are told at once") {
  const auto fails = [](const std::function<void(App&)>& configure) {
    CHECK_THROWS_AS(make_application(configure), std::invalid_argument);
  };
  fails([](App& app) { app.get("", hello); });
  fails([](App& app) { app.get("hello", hello); });
  fails([](App& app) { app.get("/a", hello).get("/a", hello); });
  fails([](App& app) { app.group("/api/"); });
  fails([](App& app) { app.group("api"); });
  fails([](App& app) { app.group("/api").get("users", hello); });
  fails([](App& app) { app.group("/{id}").get("/{id}", hello); });
  fails([](App& app) { app.get("/", Handler()); });
  fails([](App& app) { app.use(nullptr); });
  fails([](App& app) { app.on_error(nullptr); });
  CHECK_THROWS_WITH_AS(make_application([](App&) { throw std::runtime_error("from the app"); }),
                       "from the app", std::runtime_error);
}

TEST_CASE("nothing is registered once the application is made") {
  App* leaked = nullptr;
  auto app = make_application([&](App& app) { leaked = &app; });
  CHECK_THROWS_AS(leaked->get("/", hello), std::logic_error);
  CHECK_THROWS_AS(leaked->use(around("late")), std::logic_error);
}
