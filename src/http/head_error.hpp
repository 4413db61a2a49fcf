// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace uringcorn::http {

/// Why a request head was refused. Each has a status and a sentence, given by `describe`.
enum class HeadError : std::uint8_t {
  none,
  // The bytes of a line.
  bare_line_feed,
  bare_carriage_return,
  control_byte,
  tls_on_a_port_in_the_clear,
  // The request line.
  extra_empty_line,
  malformed_request_line,
  invalid_method,
  invalid_target,
  target_form_mismatch,
  malformed_version,
  unsupported_version,
  // Limits.
  request_line_too_long,
  field_too_large,
  too_many_fields,
  head_too_large,
  // Field lines.
  folded_field,
  missing_colon,
  empty_field_name,
  blank_before_colon,
  invalid_field_name,
  // What the fields say.
  missing_host,
  duplicate_host,
  invalid_host,
  invalid_content_length,
  duplicate_content_length,
  content_length_with_transfer_encoding,
  transfer_encoding_in_http_1_0,
  invalid_transfer_encoding,
  unsupported_transfer_coding,
  unsupported_expectation,
  // HTTP/2 only (RFC 9113 sections 8.2 and 8.3).
  upper_case_field_name,
  blank_around_value,
  connection_field_in_http_2,
  invalid_pseudo_field,
  missing_pseudo_field,
  authority_mismatch,
  content_length_without_body,
  unsupported_protocol,  // RFC 8441
};

struct ErrorDescription {
  int status;
  std::string_view sentence;
};

/// The status to answer and a sentence for the answer's body and the log. The sentence never
/// quotes the request. Not to be called with `none`.
ErrorDescription describe(HeadError error) noexcept;

}  // namespace uringcorn::http
