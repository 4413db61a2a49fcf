// SPDX-License-Identifier: MIT
#include "http/request_facts.hpp"

namespace uringcorn::http {

HeadError RequestFacts::finish() const noexcept {
  if (version_ == Version::http_1_1 && !has_host_) {
    return HeadError::missing_host;
  }
  if (has_unknown_coding_) {
    return HeadError::unsupported_transfer_coding;
  }
  if (has_transfer_encoding_ && !is_chunked_) {
    return HeadError::invalid_transfer_encoding;
  }
  // RFC 9110 section 10.1.1: expectations in an HTTP/1.0 request are to be ignored.
  if (has_unknown_expectation_ && version_ != Version::http_1_0) {
    return HeadError::unsupported_expectation;
  }
  return HeadError::none;
}

HeadError RequestFacts::add_host(std::string_view value) noexcept {
  if (has_host_) {
    return HeadError::duplicate_host;
  }
  has_host_ = true;
  return is_host_and_port(value) ? HeadError::none : HeadError::invalid_host;
}

HeadError RequestFacts::add_expect(std::string_view value) noexcept {
  for_each_element(value, [this](std::string_view expectation) {
    if (equals_ignoring_case(expectation, "100-continue")) {
      expects_continue_ = version_ != Version::http_1_0;
    } else if (!expectation.empty()) {
      has_unknown_expectation_ = true;
    }
    return true;
  });
  return HeadError::none;
}

void RequestFacts::add_connection(std::string_view value) noexcept {
  for_each_element(value, [this](std::string_view option) {
    wants_close_ |= equals_ignoring_case(option, "close");
    has_keep_alive_ |= equals_ignoring_case(option, "keep-alive");
    has_upgrade_option_ |= equals_ignoring_case(option, "upgrade");
    return true;
  });
}

HeadError RequestFacts::add_content_length(std::string_view value) noexcept {
  if (has_content_length_) {
    return HeadError::duplicate_content_length;
  }
  if (has_transfer_encoding_) {
    return HeadError::content_length_with_transfer_encoding;
  }
  const std::optional<std::uint64_t> length = parse_content_length(value);
  if (!length) {
    return HeadError::invalid_content_length;
  }
  has_content_length_ = true;
  content_length_ = *length;
  return HeadError::none;
}

HeadError RequestFacts::add_transfer_encoding(std::string_view value) noexcept {
  if (version_ == Version::http_1_0) {
    return HeadError::transfer_encoding_in_http_1_0;
  }
  if (has_content_length_) {
    return HeadError::content_length_with_transfer_encoding;
  }
  has_transfer_encoding_ = true;
  HeadError error = HeadError::none;
  for_each_element(value, [this, &error](std::string_view coding) {
    // An empty element, like anything after `chunked`, is what two parsers could read in two ways.
    const std::string_view name = trim_blanks(coding.substr(0, coding.find(';')));
    const bool is_plain = name.size() == coding.size();
    if (is_chunked_ || !is_token(name)) {
      error = HeadError::invalid_transfer_encoding;
    } else if (!equals_ignoring_case(name, "chunked")) {
      has_unknown_coding_ = true;
    } else if (is_plain) {
      is_chunked_ = true;
    } else {
      error = HeadError::invalid_transfer_encoding;
    }
    return error == HeadError::none;
  });
  return error;
}

}  // namespace uringcorn::http
