// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "app/pattern.hpp"
#include "app/router.hpp"

using namespace uringcorn;
using namespace uringcorn::app;
using namespace std::string_literals;

namespace {

void add(Router& router, std::optional<Method> method, const std::string& pattern) {
  router.add(method, std::make_unique<Endpoint>(nullptr, pattern, 0));
}

/// The pattern that a path leads to, with what it took: "/a/{id} id=7"; "-" when there is none.
std::string found(const Router& router, std::string_view path, Method method = Method::get) {
  RouteMatch match;
  router.find(method, path, match);
  if (match.endpoint == nullptr) {
    return match.allowed.empty() ? "-" : "- allow " + match.allowed.to_string();
  }
  std::string text = match.endpoint->pattern();
  for (std::size_t i = 0; i < match.endpoint->names().size(); ++i) {
    text.append(" ").append(match.endpoint->names()[i]).append("=");
    text.append(match.pieces[i].data, match.pieces[i].size);
  }
  return text;
}

std::string refusal(const std::string& pattern) {
  try {
    parse_pattern(pattern);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("literal paths lead to their patterns, byte by byte") {
  Router router;
  for (const char* pattern : {"/", "/a", "/a/", "/a/b", "/hello", "/Hello", "/ä ö"}) {
    add(router, Method::get, pattern);
  }
  for (const char* path : {"/", "/a", "/a/", "/a/b", "/hello", "/Hello", "/ä ö"}) {
    CHECK(found(router, path) == path);
  }
  for (const char* path : {"", "a", "*", "/b", "/a/b/", "/a//b", "//", "//a", "/HELLO", "/hell"}) {
    CHECK(found(router, path) == "-");
  }
}

TEST_CASE("every one of many literals is found, whatever its length") {
  Router router;
  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += static_cast<char>('a' + i % 26);
    add(router, Method::get, "/" + text);
    add(router, Method::get, "/x" + text + "y");
    add(router, Method::get, "/deep/" + text + "/" + std::to_string(i));
  }
  text.clear();
  for (int i = 0; i < 40; ++i) {
    text += static_cast<char>('a' + i % 26);
    CHECK(found(router, "/" + text) == "/" + text);
    CHECK(found(router, "/x" + text + "y") == "/x" + text + "y");
    const std::string deep = "/deep/" + text + "/" + std::to_string(i);
    CHECK(found(router, deep) == deep);
    CHECK(found(router, "/" + text + "!") == "-");
  }
}

TEST_CASE("a parameter takes one segment that is not empty") {
  Router router;
  add(router, Method::get, "/users/{id}");
  add(router, Method::get, "/users/{user}/posts/{post}");
  CHECK(found(router, "/users/7") == "/users/{id} id=7");
  CHECK(found(router, "/users/{id}") == "/users/{id} id={id}");
  CHECK(found(router, "/users/7/posts/x y") == "/users/{user}/posts/{post} user=7 post=x y");
  CHECK(found(router, "/users/") == "-");
  CHECK(found(router, "/users") == "-");
  CHECK(found(router, "/users/7/") == "-");
  CHECK(found(router, "/users//posts/1") == "-");
}

TEST_CASE("a rest takes everything, also nothing, but not the missing slash") {
  Router router;
  add(router, Method::get, "/files/{path...}");
  CHECK(found(router, "/files/a") == "/files/{path...} path=a");
  CHECK(found(router, "/files/a/b//c/") == "/files/{path...} path=a/b//c/");
  CHECK(found(router, "/files/") == "/files/{path...} path=");
  CHECK(found(router, "/files") == "-");
  CHECK(found(router, "/filesystem") == "-");
}

TEST_CASE("literal text comes before a parameter, and that before a rest") {
  Router router;
  add(router, Method::get, "/{all...}");
  add(router, Method::get, "/a/{x}");
  add(router, Method::get, "/a/b");
  add(router, Method::get, "/a/b/{rest...}");
  add(router, Method::get, "/{x}/b/c");
  CHECK(found(router, "/a/b") == "/a/b");
  CHECK(found(router, "/a/c") == "/a/{x} x=c");
  CHECK(found(router, "/a/b/c") == "/a/b/{rest...} rest=c");
  CHECK(found(router, "/z/b/c") == "/{x}/b/c x=z");
  CHECK(found(router, "/a/c/d") == "/{all...} all=a/c/d");
  CHECK(found(router, "/") == "/{all...} all=");
}

TEST_CASE("a more particular pattern that leads nowhere is left again") {
  Router router;
  add(router, Method::get, "/a/b/d");
  add(router, Method::get, "/a/{x}/c");
  add(router, Method::get, "/{x}/{y}/{z}");
  CHECK(found(router, "/a/b/c") == "/a/{x}/c x=b");
  CHECK(found(router, "/a/b/e") == "/{x}/{y}/{z} x=a y=b z=e");
  CHECK(found(router, "/a/b") == "-");
}

TEST_CASE("a search does not blow up on a path that nearly fits many patterns") {
  // Each level has two ways; a search that tried every combination would take 2^30 steps.
  Router router;
  std::string path;
  for (int depth = 0; depth < 15; ++depth) {
    path += "/a";
    add(router, Method::get, path + "/{x}/end");
  }
  for (int i = 0; i < 100; ++i) {
    path += "/a";
  }
  CHECK(found(router, path) == "-");
}

TEST_CASE("a method's own handler comes before any, and HEAD is answered by GET") {
  Router router;
  add(router, Method::get, "/a");
  add(router, std::nullopt, "/a");
  add(router, Method::post, "/b");
  add(router, std::nullopt, "/c");
  const auto endpoint = [&](std::string_view path, Method method) {
    RouteMatch match;
    router.find(method, path, match);
    return match.endpoint;
  };
  CHECK(endpoint("/a", Method::get) == endpoint("/a", Method::head));
  CHECK(endpoint("/a", Method::get) != endpoint("/a", Method::post));
  CHECK(endpoint("/a", Method::other) == endpoint("/a", Method::options));
  CHECK(endpoint("/c", Method::head) == endpoint("/c", Method::get));
  CHECK(endpoint("/c", Method::trace) == nullptr);
  CHECK(endpoint("/c", Method::connect) == nullptr);
  CHECK(endpoint("/b", Method::head) == nullptr);
}

TEST_CASE("what a path allows is the union of all patterns that fit") {
  Router router;
  add(router, Method::get, "/users/{id}");
  add(router, Method::post, "/users/me");
  add(router, Method::del, "/{all...}");
  CHECK(found(router, "/users/me") == "/users/{id} id=me");
  CHECK(found(router, "/users/me", Method::del) == "/{all...} all=users/me");
  CHECK(found(router, "/users/me", Method::put) == "- allow GET, HEAD, POST, DELETE, OPTIONS");
  CHECK(found(router, "/users/me", Method::options) == "- allow GET, HEAD, POST, DELETE, OPTIONS");
  CHECK(found(router, "/x", Method::other) == "- allow DELETE, OPTIONS");
  CHECK(router.methods().to_string() == "GET, HEAD, POST, DELETE, OPTIONS");
}

TEST_CASE("two routes for the same paths and method are refused") {
  Router router;
  add(router, Method::get, "/u/{id}");
  add(router, Method::post, "/u/{name}");
  add(router, std::nullopt, "/u/{other}");
  CHECK_THROWS_WITH_AS(add(router, Method::get, "/u/{name}"),
                       "two routes for GET: \"/u/{id}\" and \"/u/{name}\"", std::invalid_argument);
  CHECK_THROWS_WITH_AS(add(router, std::nullopt, "/u/{x}"),
                       "two routes for any method: \"/u/{other}\" and \"/u/{x}\"",
                       std::invalid_argument);
}

TEST_CASE("a malformed pattern is refused with a sentence that quotes it") {
  CHECK(refusal("").find("must begin with a slash") != std::string::npos);
  CHECK(refusal("a/b").find("\"a/b\"") != std::string::npos);
  CHECK(refusal("/a/{id").find("whole segment") != std::string::npos);
  CHECK(refusal("/a/{id}.json").find("whole segment") != std::string::npos);
  CHECK(refusal("/a/}").find("whole segment") != std::string::npos);
  CHECK(refusal("/a/{}").find("letters") != std::string::npos);
  CHECK(refusal("/a/{1a}").find("letters") != std::string::npos);
  CHECK(refusal("/a/{a-b}").find("letters") != std::string::npos);
  CHECK(refusal("/a/{...}").find("letters") != std::string::npos);
  CHECK(refusal("/a/{x...}/b").find("only at the end") != std::string::npos);
  CHECK(refusal("/{x}/{x}").find("same name") != std::string::npos);
  CHECK(refusal("/a//b").find("two slashes") != std::string::npos);
  CHECK(refusal("//").find("two slashes") != std::string::npos);
  CHECK(refusal("/a?b=c").find("\"?\"") != std::string::npos);
  CHECK(refusal("/a\n").find("control") != std::string::npos);
  CHECK(refusal("/a%20b").find("percent-escapes") != std::string::npos);
  CHECK(refusal("/100%").empty());
  CHECK(refusal("/" + std::string(300, 'x')).empty());
}

TEST_CASE("patterns are bounded") {
  std::string literals;
  for (std::size_t i = 0; i < k_pattern_segments_max; ++i) {
    literals += "/x";
  }
  CHECK(refusal(literals).empty());
  CHECK(refusal(literals + "/x").find("more than 64 segments") != std::string::npos);
  std::string parameters;
  for (std::size_t i = 0; i < k_pattern_parameters_max; ++i) {
    parameters += "/{p" + std::to_string(i) + "}";
  }
  CHECK(refusal(parameters).empty());
  CHECK(refusal(parameters + "/{more...}").find("16 parameters") != std::string::npos);
}
