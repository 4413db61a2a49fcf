// SPDX-License-Identifier: MIT
#include <uringcorn/response.hpp>

#include <algorithm>
#include <stdexcept>

#include <uringcorn/request.hpp>

#include "http/field_rules.hpp"
#include "http/status.hpp"

namespace uringcorn {
namespace {

constexpr std::string_view k_content_type = "Content-Type";
constexpr std::string_view k_plain_text = "text/plain; charset=utf-8";

Task<void> write_text(BodyWriter& writer, std::string text) {
  co_await writer.write(text);
}

/// Appends `text` as lines that each begin with `label`. A line ends in CRLF, LF or CR, as in the
/// event-stream format itself.
void append_lines(std::string& out, std::string_view label, std::string_view text) {
  for (;;) {
    const std::size_t end = text.find_first_of("\r\n");
    out.append(label).append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) {
      return;
    }
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

void append_line(std::string& out, std::string_view label, std::string_view text) {
  using namespace std::string_view_literals;
  if (text.find_first_of("\r\n\0"sv) != std::string_view::npos) {
    throw std::invalid_argument("the name and the id of an event must be one line each");
  }
  if (!text.empty()) {
    out.append(label).append(text).append("\n");
  }
}

bool may_be_trailer(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), http::to_lower);
  return !http::is_forbidden_in_trailers(lower);
}

}  // namespace

void BodyWriter::trailers(Fields fields) {
  for (const Field field : fields) {
    if (!may_be_trailer(field.name)) {
      throw std::invalid_argument("a field that has to come before the body is no trailer: " +
                                  std::string(field.name));
    }
  }
  keep_trailers(std::move(fields));
}

Task<void> EventStream::send(std::string data, std::string name, std::string id) {
  std::string event;
  event.reserve(data.size() + name.size() + id.size() + 32);
  append_line(event, "event: ", name);
  append_line(event, "id: ", id);
  append_lines(event, "data: ", data);
  event.append("\n");
  return write_text(*writer_, std::move(event));
}

Task<void> EventStream::comment(std::string text) {
  std::string comment;
  append_lines(comment, ": ", text);
  comment.append("\n");
  return write_text(*writer_, std::move(comment));
}

Response Response::text(std::string body) {
  Response response;
  response.fields_.append(k_content_type, k_plain_text);
  response.body_ = std::move(body);
  return response;
}

Response Response::html(std::string body) {
  Response response;
  response.fields_.append(k_content_type, "text/html; charset=utf-8");
  response.body_ = std::move(body);
  return response;
}

Response Response::json(std::string body) {
  Response response;
  response.fields_.append(k_content_type, "application/json");
  response.body_ = std::move(body);
  return response;
}

Response Response::bytes(std::string body, std::string_view content_type) {
  Response response;
  response.fields_.add(k_content_type, content_type);
  response.body_ = std::move(body);
  return response;
}

Response Response::error(int status, std::string_view message) {
  std::string page = std::to_string(status);
  const std::string_view phrase = http::reason_phrase(status);
  if (!phrase.empty()) {
    page.append(" ").append(phrase);
  }
  page.append("\n");
  if (!message.empty()) {
    page.append(message).append("\n");
  }
  return text(std::move(page)).status(status);
}

Response Response::error(const HttpError& error) {
  Response response = Response::error(error.status(), error.what());
  if (error.retry_after().count() > 0) {
    response.fields_.append("Retry-After", std::to_string(error.retry_after().count()));
  }
  return response;
}

Response Response::redirect(std::string_view location, int status) {
  Response response(status);
  response.fields_.add("Location", location);
  return response;
}

Response Response::stream(Producer producer, std::string_view content_type) {
  Response response;
  response.fields_.add(k_content_type, content_type);
  response.producer_ = std::move(producer);
  return response;
}

Response Response::events(std::function<Task<void>(EventStream)> producer) {
  Response response = stream(
      [events = std::move(producer)](BodyWriter& writer) { return events(EventStream(writer)); },
      "text/event-stream");
  response.fields_.append("Cache-Control", "no-store");
  return response;
}

}  // namespace uringcorn
