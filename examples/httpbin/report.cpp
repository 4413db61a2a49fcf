// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <map>
#include <vector>

#include "base64.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

/// "user-agent" as people know it: "User-Agent".
std::string title_case(std::string_view name) {
  std::string title(name);
  bool is_start = true;
  for (char& c : title) {
    if (is_start && c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    } else if (!is_start && c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
    is_start = c == '-';
  }
  return title;
}

/// Text as it is; what is no text, as a data URL.
std::string readable(const std::string& data) {
  return is_utf8(data) ? data : "data:application/octet-stream;base64," + encode_base64(data);
}

Response report_with_body(const Request& request, const RequestBody& body, bool with_method) {
  JsonWriter json;
  json.begin_object();
  write_args(json, request);
  json.member("data").string(readable(body.data));
  write_pairs(json, "files", body.files);
  write_pairs(json, "form", body.form);
  write_headers(json, request);
  json.member("json").raw(body.json);
  if (with_method) {
    json.member("method").string(request.method_name());
  }
  write_origin(json, request);
  write_url(json, request);
  json.end_object();
  return Response::json(json.take());
}

Task<RequestBody> read_body(Request& request) {
  std::string text = co_await request.text();
  co_return parse_body(std::move(text), request.field("Content-Type").value_or(""));
}

}  // namespace

void write_pairs(JsonWriter& json, std::string_view member, const Pairs& pairs) {
  std::map<std::string, std::vector<std::string>> by_name;
  for (const auto& [name, value] : pairs) {
    by_name[name].push_back(readable(value));
  }
  json.member(member).begin_object();
  for (const auto& [name, values] : by_name) {
    json.member(name);
    if (values.size() == 1) {
      json.string(values.front());
      continue;
    }
    json.begin_array();
    for (const std::string& value : values) {
      json.string(value);
    }
    json.end_array();
  }
  json.end_object();
}

void write_args(JsonWriter& json, const Request& request) {
  Pairs pairs;
  for (const Parameter& parameter : request.queries()) {
    pairs.emplace_back(parameter.name, parameter.value);
  }
  write_pairs(json, "args", pairs);
}

void write_headers(JsonWriter& json, const Request& request) {
  std::map<std::string, std::string> by_name;
  for (const Field& field : request.fields()) {
    std::string& value = by_name[title_case(field.name)];
    value.append(value.empty() ? "" : ",").append(field.value);
  }
  json.member("headers").begin_object();
  for (const auto& [name, value] : by_name) {
    json.member(name).string(value);
  }
  json.end_object();
}

void write_origin(JsonWriter& json, const Request& request) {
  json.member("origin").string(request.peer_address());
}

void write_url(JsonWriter& json, const Request& request) {
  const std::string_view target = request.target();
  json.member("url").string(target.starts_with('/') ? origin_url(request) + std::string(target)
                                                    : std::string(target));
}

std::string origin_url(const Request& request) {
  return fmt::format("{}://{}", request.scheme(), request.authority());
}

Response get_report(const Request& request) {
  JsonWriter json;
  json.begin_object();
  write_args(json, request);
  write_headers(json, request);
  write_origin(json, request);
  write_url(json, request);
  json.end_object();
  return Response::json(json.take());
}

Task<Response> body_report(Request& request) {
  const RequestBody body = co_await read_body(request);
  co_return report_with_body(request, body, false);
}

Task<Response> full_report(Request& request) {
  const RequestBody body = co_await read_body(request);
  co_return report_with_body(request, body, true);
}

}  // namespace httpbin
