// SPDX-License-Identifier: MIT
#include "http/h2/answer_head.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "http/field_rules.hpp"
#include "http/response_fields.hpp"
#include "http/status.hpp"

namespace uringcorn::http::h2 {
namespace {

constexpr std::size_t k_max_decimal_digits = 20;

/// `name` is in lower case.
void list(std::vector<nghttp2_nv>& list, std::string_view name, std::string_view value) {
  // The library takes pointers to what it only reads; nothing is copied.
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  list.push_back({bytes(name), bytes(value), name.size(), value.size(),
                  NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE});
}

std::string_view decimal(std::uint64_t number, detail::Arena& arena) {
  char* const text = arena.allocate(k_max_decimal_digits);
  const char* const end = std::to_chars(text, text + k_max_decimal_digits, number).ptr;
  return {text, static_cast<std::size_t>(end - text)};
}

std::string_view in_lower_case(std::string_view name, detail::Arena& arena) {
  char* const text = arena.allocate(name.size());
  std::transform(name.begin(), name.end(), text, to_lower);
  return {text, name.size()};
}

/// RFC 9113 section 8.2.2; the rest of it are framing fields.
bool is_for_http_1_only(std::string_view lower) noexcept {
  return lower == "upgrade" || lower == "proxy-connection";
}

void list_status(std::vector<nghttp2_nv>& fields, int status, detail::Arena& arena) {
  assert(status >= k_status_min && status <= k_status_max);
  list(
      fields, ":status",
      status == 200 ? std::string_view("200") : decimal(static_cast<std::uint64_t>(status), arena));
}

}  // namespace

void list_answer_head(std::vector<nghttp2_nv>& answer, const AnswerHead& head, const Fields& fields,
                      detail::Arena& arena) {
  answer.clear();
  list_status(answer, head.status, arena);
  std::string_view date = head.date;
  std::string_view server = head.server;
  for (const Field field : fields) {
    const std::string_view name = in_lower_case(field.name, arena);
    if (is_framing_field(name) || is_for_http_1_only(name)) {
      continue;
    }
    if (name == "date") {
      date = {};
    } else if (name == "server") {
      server = {};
    }
    // A blank at either end is malformed in HTTP/2 (RFC 9113 section 8.2.1).
    list(answer, name, trim_blanks(field.value));
  }
  if (!date.empty()) {
    list(answer, "date", date);
  }
  if (!server.empty()) {
    list(answer, "server", server);
  }
  if (head.content_length) {
    list(answer, "content-length", decimal(*head.content_length, arena));
  }
}

void list_trailer_section(std::vector<nghttp2_nv>& trailers, const Fields& fields,
                          detail::Arena& arena) {
  trailers.clear();
  for (const Field field : fields) {
    list(trailers, in_lower_case(field.name, arena), trim_blanks(field.value));
    trailers.back().flags = NGHTTP2_NV_FLAG_NONE;
  }
}

void list_interim_head(std::vector<nghttp2_nv>& answer, int status, const Fields& fields,
                       detail::Arena& arena) {
  list_answer_head(answer, {.status = status}, fields, arena);
  for (nghttp2_nv& field : answer) {
    field.flags = NGHTTP2_NV_FLAG_NONE;
  }
}

}  // namespace uringcorn::http::h2
