// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include <uringcorn/request.hpp>

#include "fake_request.hpp"
#include "http/percent.hpp"

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::string_literals;

namespace {

std::string decoded(std::string text, http::PlusSign plus = http::PlusSign::literal) {
  text.resize(http::decode_percent(text, text.data(), plus));
  return text;
}

std::string all_queries(const std::string& query) {
  FakeRequest fake("GET", "/?" + query);
  std::string text;
  for (const Parameter& parameter : fake.request().queries()) {
    text.append("[").append(parameter.name).append("=").append(parameter.value).append("]");
  }
  return text;
}

}  // namespace

TEST_CASE("percent-escapes are decoded, and what is none stays") {
  CHECK(decoded("a%20b%2Fc%C3%A4") == "a b/c\xc3\xa4");
  CHECK(decoded("%") == "%");
  CHECK(decoded("%4") == "%4");
  CHECK(decoded("%4g%zz%41") == "%4g%zzA");
  CHECK(decoded("%2541") == "%41");
  CHECK(decoded("a+b") == "a+b");
  CHECK(decoded("a+b%2B", http::PlusSign::space) == "a b+");
  CHECK(http::is_well_escaped("/a%20b"));
  CHECK_FALSE(http::is_well_escaped("/a%2"));
  CHECK_FALSE(http::is_well_escaped("/a%00"));
}

TEST_CASE("a query is decoded into parameters, in their order") {
  CHECK(all_queries("a=1&b=2&a=3") == "[a=1][b=2][a=3]");
  CHECK(all_queries("a&b=&=c&&d=e=f") == "[a=][b=][=c][d=e=f]");
  CHECK(all_queries("q=hello+world%21&%6Eame=%26") == "[q=hello world!][name=&]");
  CHECK(all_queries("a=%zz") == "[a=%zz]");
  CHECK(all_queries("").empty());
  CHECK(all_queries("&&&").empty());
}

TEST_CASE("a query parameter is found by name, typed on demand") {
  FakeRequest fake("GET", "/?n=42&big=99999999999&text=x&n=43&neg=-5&empty=");
  const Request& request = fake.request();
  CHECK(request.query("n") == "42");
  CHECK(request.query<int>("n") == 42);
  CHECK(request.query<long>("big") == 99999999999);
  CHECK(request.query<int>("neg") == -5);
  CHECK_FALSE(request.query<int>("big").has_value());
  CHECK_FALSE(request.query<unsigned>("neg").has_value());
  CHECK_FALSE(request.query<int>("text").has_value());
  CHECK_FALSE(request.query<int>("empty").has_value());
  CHECK(request.query("empty") == "");
  CHECK_FALSE(request.query("missing").has_value());
}

TEST_CASE("a form is decoded as a query is") {
  const auto pairs = parse_form("a=1+2&b=%26&a=&c");
  using Pair = std::pair<std::string, std::string>;
  CHECK(pairs == std::vector<Pair>{{"a", "1 2"}, {"b", "&"}, {"a", ""}, {"c", ""}});
  CHECK(parse_form("").empty());
}

TEST_CASE("a request without a query has no parameters") {
  FakeRequest fake("GET", "/");
  CHECK(fake.request().queries().empty());
  CHECK(fake.request().query_string().empty());
}

TEST_CASE("a parameter that the pattern does not have is the handler's mistake") {
  FakeRequest fake("GET", "/");
  CHECK_THROWS_AS(fake.request().param("id"), std::out_of_range);
}

TEST_CASE("cookies are read from all Cookie fields") {
  FakeRequest fake("GET", "/",
                   {{"Cookie", "a=1; b=\"x y\";c=;nonsense; d=e=f"}, {"cookie", "a=2; z=9"}});
  const Request& request = fake.request();
  CHECK(request.cookie("a") == "1");
  CHECK(request.cookie("b") == "\"x y\"");
  CHECK(request.cookie("c") == "");
  CHECK(request.cookie("d") == "e=f");
  CHECK(request.cookie("z") == "9");
  CHECK_FALSE(request.cookie("nonsense").has_value());
  CHECK_FALSE(request.cookie("A").has_value());
  CHECK(request.cookies().size() == 6);
}

TEST_CASE("text() joins the pieces of the body") {
  FakeRequest fake("POST", "/", {}, {"one ", "two ", "three"});
  CHECK(finish(fake.request().text()) == "one two three");
  FakeRequest empty("POST", "/");
  CHECK(finish(empty.request().text()).empty());
}

TEST_CASE("text() refuses a body beyond the limit with 413") {
  const auto status_of_text = [](FakeRequest& fake) {
    try {
      finish(fake.request().text());
    } catch (const HttpError& error) {
      return error.status();
    }
    return 200;
  };
  FakeRequest exact("POST", "/", {}, {"12345", "67890"});
  exact.set_text_limit(10);
  CHECK(status_of_text(exact) == 200);
  FakeRequest longer("POST", "/", {}, {"12345", "678901"});
  longer.set_text_limit(10);
  CHECK(status_of_text(longer) == 413);
  FakeRequest announced("POST", "/", {}, {"never read"});
  announced.head().content_length = 11;
  announced.set_text_limit(10);
  CHECK(status_of_text(announced) == 413);
  CHECK(finish(announced.request().body().read()) == "never read");
}

TEST_CASE("a broken body's error passes through text()") {
  FakeRequest fake("POST", "/", {}, {"half"});
  fake.set_body_error(HttpError(400, "early end"));
  CHECK_THROWS_AS(finish(fake.request().text()), HttpError);
}

TEST_CASE("early hints are for HTTP/1.1 clients") {
  FakeRequest fake("GET", "/");
  finish(fake.request().early_hints(Fields().add("Link", "</style.css>; rel=preload")));
  CHECK(fake.interim() == std::vector{"103 Link=</style.css>; rel=preload"s});

  FakeRequest old("GET", "/");
  old.head().version_minor = 0;
  finish(old.request().early_hints(Fields().add("Link", "</style.css>")));
  CHECK(old.interim().empty());
}

TEST_CASE("an HttpError is an error") {
  CHECK(HttpError(404, "no such report").status() == 404);
  CHECK(HttpError(404, "no such report").what() == "no such report"s);
  CHECK(HttpError(200).status() == 500);
  CHECK(HttpError(600).status() == 500);
}
