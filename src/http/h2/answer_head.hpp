// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include <uringcorn/fields.hpp>
#include <uringcorn/request.hpp>

namespace uringcorn::http::h2 {

/// What an answer's head says besides the application's fields.
struct AnswerHead {
  int status = 200;
  /// What Content-Length announces.
  std::optional<std::uint64_t> content_length = {};
  std::string_view date = {};
  /// Empty: no Server field.
  std::string_view server = {};
};

/// Lists the fields of an answer in `list`, which is emptied first. Fields that are the server's to
/// tell, or that HTTP/2 has no use for, are left out. Date and Server give way to fields of that
/// name. The list refers to `fields`, to what `head` refers to, and to text in `arena`; all of them
/// must outlive its frame.
void list_answer_head(std::vector<nghttp2_nv>& list, const AnswerHead& head, const Fields& fields,
                      detail::Arena& arena);

/// The same for an interim answer (1xx, RFC 9110 section 15.2); what the list refers to is copied
/// when it is submitted.
void list_interim_head(std::vector<nghttp2_nv>& list, int status, const Fields& fields,
                       detail::Arena& arena);

/// The same for the trailer section of an answer.
void list_trailer_section(std::vector<nghttp2_nv>& list, const Fields& fields,
                          detail::Arena& arena);

}  // namespace uringcorn::http::h2
