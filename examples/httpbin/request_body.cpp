// SPDX-License-Identifier: MIT
#include "request_body.hpp"

#include <cstddef>
#include <optional>

#include <simdjson.h>
#include <uringcorn/uringcorn.hpp>

namespace httpbin {
namespace {

/// The parameter `name` of a field value such as `form-data; name="a"; filename="b.txt"`.
std::optional<std::string> parameter_of(std::string_view value, std::string_view name) {
  std::size_t at = value.find(';');
  while (at != std::string_view::npos) {
    const std::size_t start = value.find_first_not_of("; \t", at);
    const std::size_t equals = value.find('=', at);
    if (start == std::string_view::npos || equals == std::string_view::npos) {
      break;
    }
    const bool is_quoted = value.substr(equals + 1).starts_with('"');
    const std::size_t begin = equals + (is_quoted ? 2 : 1);
    const std::size_t end = value.find_first_of(is_quoted ? "\"" : "; \t", begin);
    if (uringcorn::same_field_name(value.substr(start, equals - start), name)) {
      return std::string(value.substr(begin, end == value.npos ? end : end - begin));
    }
    at = end == value.npos ? end : value.find(';', end);
  }
  return std::nullopt;
}

/// The value of the field line `name` in the head of a part.
std::string_view field_of(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const std::size_t colon = line.find(':');
    if (colon != line.npos && uringcorn::same_field_name(line.substr(0, colon), name)) {
      return line.substr(colon + 1);
    }
    head.remove_prefix(std::min(line.size() + 2, head.size()));
  }
  return {};
}

/// Adds a part of a multipart/form-data body (RFC 7578): its head, an empty line, its content.
void add_part(RequestBody& body, std::string_view part) {
  const std::size_t head_end = part.find("\r\n\r\n");
  if (head_end == part.npos) {
    return;
  }
  const std::string_view disposition = field_of(part.substr(0, head_end), "Content-Disposition");
  const std::optional<std::string> name = parameter_of(disposition, "name");
  if (name) {
    const bool is_file = parameter_of(disposition, "filename").has_value();
    (is_file ? body.files : body.form).emplace_back(*name, part.substr(head_end + 4));
  }
}

/// Parts stand between lines of two hyphens and the boundary (RFC 2046, 5.1.1).
void parse_multipart(RequestBody& body, std::string_view text, const std::string& boundary) {
  const std::string delimiter = "\r\n--" + boundary;
  const std::string first = "--" + boundary + "\r\n";
  std::size_t begin = text.starts_with(first) ? first.size() : text.find(delimiter + "\r\n");
  if (begin != first.size() && begin != text.npos) {
    begin += delimiter.size() + 2;
  }
  while (begin != text.npos) {
    const std::size_t end = text.find(delimiter, begin);
    if (end == text.npos) {
      return;
    }
    add_part(body, text.substr(begin, end - begin));
    begin = end + delimiter.size();
    begin = text.substr(begin).starts_with("\r\n") ? begin + 2 : text.npos;
  }
}

std::string shortest_json(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (text.empty() || parser.parse(text).get(element) != simdjson::SUCCESS) {
    return "null";
  }
  return simdjson::minify(element);
}

bool has_type(std::string_view content_type, std::string_view type) {
  return uringcorn::same_field_name(content_type.substr(0, content_type.find_first_of("; \t")),
                                    type);
}

}  // namespace

RequestBody parse_body(std::string text, std::string_view content_type) {
  RequestBody body;
  if (has_type(content_type, "application/x-www-form-urlencoded")) {
    body.form = uringcorn::parse_form(text);
  } else if (has_type(content_type, "multipart/form-data")) {
    parse_multipart(body, text, parameter_of(content_type, "boundary").value_or(""));
  } else {
    body.json = shortest_json(text);
    body.data = std::move(text);
  }
  return body;
}

}  // namespace httpbin
