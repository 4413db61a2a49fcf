// SPDX-License-Identifier: MIT
// Validators, cache control, and fields of the client's choice.
#include <algorithm>

#include "httpbin.hpp"
#include "json.hpp"
#include "report.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

constexpr std::string_view k_last_modified = "Tue, 03 Jan 2023 00:00:00 GMT";
constexpr std::string_view k_cache_tag = "\"httpbin-cache\"";

/// Whether a list of entity tags has `tag` (with its quotes), or is "*" (RFC 9110, 13.1).
bool has_tag(std::string_view list, std::string_view tag) {
  if (list == "*") {
    return true;
  }
  for (std::size_t at = list.find(tag); at != list.npos; at = list.find(tag, at + 1)) {
    const std::size_t end = at + tag.size();
    const bool begins =
        at == 0 || list[at - 1] == ' ' || list[at - 1] == ',' || list[at - 1] == '/';
    if (begins && (end == list.size() || list[end] == ',' || list[end] == ' ')) {
      return true;
    }
  }
  return false;
}

/// What may stand between the quotes of an entity tag (RFC 9110, 8.8.3).
bool is_tag_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != '"' && byte != 0x7f;
  });
}

Response etag(const Request& request) {
  if (!is_tag_text(request.param("etag"))) {
    throw HttpError(400, "An entity tag has no blanks, quotes or control characters.");
  }
  const std::string tag = fmt::format("\"{}\"", request.param("etag"));
  const std::optional<std::string_view> none = request.field("If-None-Match");
  const std::optional<std::string_view> match = request.field("If-Match");
  if (none && has_tag(*none, tag)) {
    return Response(304).field("ETag", tag);
  }
  if (match && !has_tag(*match, tag)) {
    return Response(412);
  }
  return get_report(request).field("ETag", tag);
}

Response cache(const Request& request) {
  const bool is_conditional =
      request.field("If-Modified-Since").has_value() || request.field("If-None-Match").has_value();
  Response response = is_conditional ? Response(304) : get_report(request);
  return std::move(response).field("Last-Modified", k_last_modified).field("ETag", k_cache_tag);
}

Response cache_for(const Request& request) {
  const std::optional<unsigned> seconds = request.param<unsigned>("seconds");
  if (!seconds) {
    throw HttpError(400, "The time is a number of seconds.");
  }
  return get_report(request).field("Cache-Control", fmt::format("public, max-age={}", *seconds));
}

/// What the answer says of itself, with its own length in it.
std::string describe_fields(const Response& response, std::size_t length) {
  Pairs pairs{{"Content-Length", std::to_string(length)}};
  for (const Field field : response.fields()) {
    pairs.emplace_back(field.name, field.value);
  }
  JsonWriter json;
  json.begin_object();
  write_pairs(json, "headers", pairs);
  json.end_object();
  return json.take();
}

Response response_headers(const Request& request) {
  Response response = Response::json("");
  try {
    for (const Parameter& parameter : request.queries()) {
      response.field(parameter.name, parameter.value);
    }
  } catch (const std::invalid_argument& error) {
    throw HttpError(400, error.what());
  }
  std::string body = describe_fields(response, 0);
  for (std::size_t length = 0; length != body.size();) {
    length = body.size();
    body = describe_fields(response, length);
  }
  response.body(std::move(body));
  return response;
}

}  // namespace

void add_caching(App& app) {
  app.get("/etag/{etag}", etag);
  app.get("/cache", cache);
  app.get("/cache/{seconds}", cache_for);
  app.get("/response-headers", response_headers);
  app.post("/response-headers", response_headers);
}

}  // namespace httpbin
