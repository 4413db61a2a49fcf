// SPDX-License-Identifier: MIT
#include <chrono>
#include <map>

#include "httpbin.hpp"
#include "json.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

Response cookies(const Request& request) {
  std::map<std::string_view, std::string_view> by_name;
  for (const Parameter& cookie : request.cookies()) {
    by_name[cookie.name] = cookie.value;
  }
  JsonWriter json;
  json.begin_object().member("cookies").begin_object();
  for (const auto& [name, value] : by_name) {
    json.member(name).string(value);
  }
  json.end_object().end_object();
  return Response::json(json.take());
}

void set_cookie(Response& response, std::string_view name, std::string_view value,
                std::optional<std::chrono::seconds> max_age = {}) {
  Cookie cookie{.name = std::string(name), .value = std::string(value)};
  cookie.max_age = max_age;
  cookie.http_only = false;
  try {
    response.cookie(cookie);
  } catch (const std::invalid_argument& error) {
    throw HttpError(400, error.what());
  }
}

Response set_by_path(const Request& request) {
  Response response = Response::redirect("/cookies");
  set_cookie(response, request.param("name"), request.param("value"));
  return response;
}

Response set_by_query(const Request& request) {
  Response response = Response::redirect("/cookies");
  for (const Parameter& cookie : request.queries()) {
    set_cookie(response, cookie.name, cookie.value);
  }
  return response;
}

Response delete_by_query(const Request& request) {
  Response response = Response::redirect("/cookies");
  for (const Parameter& cookie : request.queries()) {
    set_cookie(response, cookie.name, "", std::chrono::seconds(0));
  }
  return response;
}

}  // namespace

void add_cookies(App& app) {
  app.get("/cookies", cookies);
  app.get("/cookies/set", set_by_query);
  app.get("/cookies/set/{name}/{value}", set_by_path);
  app.get("/cookies/delete", delete_by_query);
}

}  // namespace httpbin
