// SPDX-License-Identifier: MIT
#include "http/h1/response_writer.hpp"

#include <cassert>
#include <charconv>

#include "http/field_rules.hpp"
#include "http/response_fields.hpp"
#include "http/status.hpp"

namespace uringcorn::http::h1 {
namespace {

constexpr std::size_t k_max_decimal_digits = 20;
constexpr std::size_t k_max_hex_digits = 16;

/// Writes at a place that is known to have room.
class Pen {
 public:
  explicit Pen(char* position) noexcept : position_(position) {}

  void put(std::string_view text) noexcept {
    position_ = std::copy(text.begin(), text.end(), position_);
  }
  void put_number(std::uint64_t number, int base = 10) noexcept {
    position_ = std::to_chars(position_, position_ + k_max_decimal_digits, number, base).ptr;
  }
  char* position() const noexcept { return position_; }

 private:
  char* position_;
};

void write_status_line(ByteBuffer& out, int status) {
  if (status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  assert(status >= k_status_min && status <= k_status_max);
  const std::string_view reason = reason_phrase(status);
  char* const start = out.room_for(sizeof("HTTP/1.1 ") + k_max_decimal_digits + reason.size() + 3);
  Pen pen(start);
  pen.put("HTTP/1.1 ");
  pen.put_number(static_cast<std::uint64_t>(status));
  pen.put(" ");
  pen.put(reason);
  pen.put("\r\n");
  out.extend(static_cast<std::size_t>(pen.position() - start));
}

void write_field(ByteBuffer& out, std::string_view name, std::string_view value) {
  assert(is_token(name) && is_field_value(value));
  const std::size_t size = name.size() + value.size() + 4;
  Pen pen(out.room_for(size));
  pen.put(name);
  pen.put(": ");
  pen.put(value);
  pen.put("\r\n");
  out.extend(size);
}

void write_content_length(ByteBuffer& out, std::uint64_t length) {
  constexpr std::string_view name = "Content-Length: ";
  char* const start = out.room_for(name.size() + k_max_decimal_digits + 2);
  Pen pen(start);
  pen.put(name);
  pen.put_number(length);
  pen.put("\r\n");
  out.extend(static_cast<std::size_t>(pen.position() - start));
}

}  // namespace

ResponseFraming frame_response(int status, std::optional<std::uint64_t> length,
                               const FramingContext& context) noexcept {
  ResponseFraming framing;
  framing.keep_alive = context.keep_alive;
  if (status == 200 && length && !context.is_head && !context.is_connect) [[likely]] {
    framing.body_end = BodyEnd::length;
    framing.content_length = length;
    framing.says_connection = framing.keep_alive == (context.version == Version::http_1_0);
    return framing;
  }
  const BodyFraming body = frame_body(status, length, context.is_head, context.is_connect);
  framing.content_length = body.content_length;
  const bool is_tunnel = context.is_connect && status >= 200 && status < 300;
  if (is_tunnel) {
    framing.keep_alive = false;
  } else if (!has_no_body(status) && status != 205 && !length) {
    // A HEAD answer has the framing of the answer to GET.
    framing.transfer_encoding = context.version == Version::http_1_1;
    framing.keep_alive = framing.keep_alive && (framing.transfer_encoding || context.is_head);
  }
  if (body.has_body) {
    framing.body_end = length                      ? BodyEnd::length
                       : framing.transfer_encoding ? BodyEnd::chunked
                                                   : BodyEnd::close;
  }
  framing.says_connection = framing.keep_alive == (context.version == Version::http_1_0);
  return framing;
}

void write_response_head(ByteBuffer& out, int status, const Fields& fields,
                         const ResponseFraming& framing, std::string_view date_line,
                         std::string_view server_line) {
  write_status_line(out, status);
  for (const Field field : fields) {
    if (is_framing_field(field.name)) {
      continue;
    }
    if (equals_ignoring_case(field.name, "upgrade")) {
      out.append("Connection: Upgrade\r\n");  // it must not be passed on (RFC 9110 section 7.8)
    } else if (equals_ignoring_case(field.name, "date")) {
      date_line = {};
    } else if (equals_ignoring_case(field.name, "server")) {
      server_line = {};
    }
    write_field(out, field.name, field.value);
  }
  out.append(date_line);
  out.append(server_line);
  if (framing.content_length) {
    write_content_length(out, *framing.content_length);
  }
  if (framing.transfer_encoding) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (framing.says_connection) {
    out.append(framing.keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
  }
  out.append("\r\n");
}

void write_interim_response(ByteBuffer& out, int status, const Fields& fields) {
  assert(status < 200);
  write_status_line(out, status);
  for (const Field field : fields) {
    if (!is_framing_field(field.name)) {
      write_field(out, field.name, field.value);
    }
  }
  out.append("\r\n");
}

void write_error_response(ByteBuffer& out, int status, std::string_view sentence,
                          const FramingContext& context, std::string_view date_line,
                          std::string_view server_line) {
  // "431 Request Header Fields Too Large\n" and the sentence, each on a line.
  const std::string_view reason = reason_phrase(status);
  const std::size_t length = 4 + reason.size() + 1 + sentence.size() + 1;
  const ResponseFraming framing = frame_response(status, length, context);
  write_status_line(out, status);
  out.append("Content-Type: text/plain; charset=utf-8\r\n");
  out.append(date_line);
  out.append(server_line);
  write_content_length(out, length);
  if (framing.says_connection) {
    out.append(framing.keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
  }
  out.append("\r\n");
  if (framing.body_end == BodyEnd::length) {
    char* const start = out.room_for(length + k_max_decimal_digits);
    Pen pen(start);
    pen.put_number(static_cast<std::uint64_t>(status));
    pen.put(" ");
    pen.put(reason);
    pen.put("\n");
    pen.put(sentence);
    pen.put("\n");
    out.extend(static_cast<std::size_t>(pen.position() - start));
  }
}

void begin_chunk(ByteBuffer& out, std::uint64_t size) {
  assert(size > 0);
  char* const start = out.room_for(k_max_hex_digits + 2);
  Pen pen(start);
  pen.put_number(size, 16);
  pen.put("\r\n");
  out.extend(static_cast<std::size_t>(pen.position() - start));
}

void end_chunked_body(ByteBuffer& out, const Fields& trailers) {
  out.append("0\r\n");
  for (const Field field : trailers) {
    write_field(out, field.name, field.value);
  }
  out.append("\r\n");
}

}  // namespace uringcorn::http::h1
