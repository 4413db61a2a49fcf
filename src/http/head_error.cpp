// SPDX-License-Identifier: MIT
#include "http/head_error.hpp"

namespace uringcorn::http {

namespace {

/// What only HTTP/2 can get wrong.
ErrorDescription describe_http_2(HeadError error) noexcept {
  switch (error) {
    case HeadError::upper_case_field_name:
      return {400, "A header field's name has an upper-case letter, which HTTP/2 does not allow."};
    case HeadError::blank_around_value:
      return {400, "A header field's value begins or ends with a blank."};
    case HeadError::connection_field_in_http_2:
      return {400, "A header field speaks of the connection, which HTTP/2 does not allow."};
    case HeadError::invalid_pseudo_field:
      return {400, "A pseudo-header field is unknown, repeated, or out of its place."};
    case HeadError::missing_pseudo_field:
      return {400, "The request lacks :method, :scheme, :authority or :path."};
    case HeadError::authority_mismatch:
      return {400, "The Host field is not the same as :authority."};
    case HeadError::content_length_without_body:
      return {400, "The Content-Length field announces a body that does not follow."};
    case HeadError::unsupported_protocol:
      return {501, "The only :protocol known here is websocket."};
    default:
      return {500, "The request head was refused for no known reason."};
  }
}

}  // namespace

ErrorDescription describe(HeadError error) noexcept {
  switch (error) {
    case HeadError::bare_line_feed:
      return {400, "A line of the request head ends in LF without CR."};
    case HeadError::bare_carriage_return:
      return {400, "The request head has a CR that is not followed by LF."};
    case HeadError::control_byte:
      return {400, "The request head has a control byte."};
    case HeadError::tls_on_a_port_in_the_clear:
      return {400, "It begins as TLS does, and this port speaks HTTP without (http://)."};
    case HeadError::extra_empty_line:
      return {400, "More than one empty line stands before the request line."};
    case HeadError::malformed_request_line:
      return {400, "The request line is not a method, a target and a version, one space between."};
    case HeadError::invalid_method:
      return {400, "The method is not a token."};
    case HeadError::invalid_target:
      return {400, "The request target has a byte or a form that no request target may have."};
    case HeadError::target_form_mismatch:
      return {400, "The form of the request target does not fit the method."};
    case HeadError::malformed_version:
      return {400, "The request line does not end in an HTTP version."};
    case HeadError::unsupported_version:
      return {505, "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
    case HeadError::request_line_too_long:
      return {414, "The request line is longer than limit-request-line."};
    case HeadError::field_too_large:
      return {431, "A header field is larger than limit-request-field-size."};
    case HeadError::too_many_fields:
      return {431, "The request has more header fields than limit-request-fields."};
    case HeadError::head_too_large:
      return {431, "The request head is larger than limit-request-head."};
    case HeadError::folded_field:
      return {400, "A header field line begins with a blank; folded lines are obsolete."};
    case HeadError::missing_colon:
      return {400, "A header field line has no colon."};
    case HeadError::empty_field_name:
      return {400, "A header field has no name."};
    case HeadError::blank_before_colon:
      return {400, "A blank stands between a header field's name and its colon."};
    case HeadError::invalid_field_name:
      return {400, "A header field's name is not a token."};
    case HeadError::missing_host:
      return {400, "The request names no host: a Host field is missing (in HTTP/2 :authority)."};
    case HeadError::duplicate_host:
      return {400, "The request has more than one Host field."};
    case HeadError::invalid_host:
      return {400, "The Host field is not a host with an optional port."};
    case HeadError::invalid_content_length:
      return {400, "The Content-Length field is not a decimal number in range."};
    case HeadError::duplicate_content_length:
      return {400, "The request has more than one Content-Length field."};
    case HeadError::content_length_with_transfer_encoding:
      return {400, "The request has both Content-Length and Transfer-Encoding."};
    case HeadError::transfer_encoding_in_http_1_0:
      return {400, "HTTP/1.0 has no Transfer-Encoding."};
    case HeadError::invalid_transfer_encoding:
      return {400, "Transfer-Encoding is not one list that ends in its only chunked."};
    case HeadError::unsupported_transfer_coding:
      return {501, "The only transfer coding known here is chunked."};
    case HeadError::unsupported_expectation:
      return {417, "The only expectation known here is 100-continue."};
    default:
      return describe_http_2(error);
  }
}

}  // namespace uringcorn::http
