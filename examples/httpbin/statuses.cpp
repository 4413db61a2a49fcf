// SPDX-License-Identifier: MIT
// Status codes, redirects, authentication.
#include <algorithm>
#include <charconv>
#include <random>
#include <vector>

#include "base64.hpp"
#include "httpbin.hpp"
#include "json.hpp"
#include "report.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

constexpr int k_redirects_max = 100;

/// "404", or several to choose from: "200,503".
std::vector<int> parse_statuses(std::string_view text) {
  std::vector<int> statuses;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    int status = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), status);
    if (error != std::errc() || end != item.data() + item.size() || status < 200 || status > 599) {
      throw HttpError(400, "A status is a number from 200 to 599, or a list such as 200,503.");
    }
    statuses.push_back(status);
  }
  return statuses;
}

Response answer_with(int status) {
  Response response = Response::text("").status(status);
  switch (status) {
    case 301:
    case 302:
    case 303:
    case 305:
    case 307:
    case 308:
      response.field("Location", "/redirect/1");
      break;
    case 401:
      response.field("WWW-Authenticate", "Basic realm=\"Fake Realm\"");
      break;
    case 407:
      response.field("Proxy-Authenticate", "Basic realm=\"Fake Realm\"");
      break;
    case 418:
      response.body("I'm a teapot!\n");
      break;
    default:
      break;
  }
  return response;
}

int redirect_count(const Request& request) {
  const int count = request.param<int>("n").value_or(0);
  if (count < 1 || count > k_redirects_max) {
    throw HttpError(400, fmt::format("The number of redirects is 1 to {}.", k_redirects_max));
  }
  return count;
}

Response redirect_relative(const Request& request) {
  const int count = redirect_count(request);
  return Response::redirect(count == 1 ? "/get" : fmt::format("/relative-redirect/{}", count - 1));
}

Response redirect_absolute(const Request& request) {
  const int count = redirect_count(request);
  return Response::redirect(
      origin_url(request) +
      (count == 1 ? "/get" : fmt::format("/absolute-redirect/{}", count - 1)));
}

Response redirect(const Request& request) {
  return request.query("absolute") == "true" ? redirect_absolute(request)
                                             : redirect_relative(request);
}

Response redirect_to(const Request& request) {
  const std::optional<std::string_view> url = request.query("url");
  const int status = request.query<int>("status_code").value_or(302);
  if (!url || status < 300 || status > 399) {
    throw HttpError(400, "Say ?url= where to, and a status_code from 300 to 399 if you like.");
  }
  return Response::redirect(*url, status);
}

/// Says ahead of the answer what its page is going to need, again and again if that is wanted.
Task<Response> early_hints(Request& request) {
  const int count = request.query<int>("count").value_or(1);
  for (int i = 0; i < count; ++i) {
    co_await request.early_hints(Fields().add("Link", "</style.css>; rel=preload; as=style"));
  }
  co_return Response::text("hinted\n");
}

bool is_authorized(const Request& request) {
  constexpr std::string_view scheme = "Basic ";
  const std::string_view credentials = request.field("Authorization").value_or("");
  if (!same_field_name(credentials.substr(0, scheme.size()), scheme)) {
    return false;
  }
  const std::optional<std::string> decoded = decode_base64(credentials.substr(scheme.size()));
  return decoded == fmt::format("{}:{}", request.param("user"), request.param("password"));
}

Response authenticated(const Request& request) {
  JsonWriter json;
  json.begin_object().member("authenticated").boolean(true);
  json.member("user").string(request.param("user")).end_object();
  return Response::json(json.take());
}

Response basic_auth(const Request& request) {
  return is_authorized(request) ? authenticated(request) : answer_with(401);
}

Response hidden_basic_auth(const Request& request) {
  return is_authorized(request) ? authenticated(request) : answer_with(404);
}

}  // namespace

void add_statuses(App& app) {
  app.get("/early-hints", early_hints);
  auto& random = app.emplace_state<std::minstd_rand>(std::random_device{}());
  app.any("/status/{statuses}", [&random](const Request& request) {
    const std::vector<int> statuses = parse_statuses(request.param("statuses"));
    return answer_with(statuses[random() % statuses.size()]);
  });
  app.get("/redirect/{n}", redirect);
  app.get("/relative-redirect/{n}", redirect_relative);
  app.get("/absolute-redirect/{n}", redirect_absolute);
  app.any("/redirect-to", redirect_to);
  app.get("/basic-auth/{user}/{password}", basic_auth);
  app.get("/hidden-basic-auth/{user}/{password}", hidden_basic_auth);
}

}  // namespace httpbin
