// SPDX-License-Identifier: MIT
#include "http/h1/head_parser.hpp"

#include <algorithm>
#include <cassert>

#include "http/field_rules.hpp"
#include "http/h1/scan.hpp"

namespace uringcorn::http::h1 {
namespace {

constexpr std::uint32_t k_version_length = 8;                        // "HTTP/1.1"
constexpr std::uint32_t k_shortest_line_end = 3 + k_version_length;  // " / HTTP/1.1"

/// The length of `scheme "://"` at the start of `target`, or 0. An origin server is asked for
/// http and https only.
std::uint32_t scheme_length(std::string_view target) noexcept {
  const std::size_t colon = target.find(':');
  if (colon == std::string_view::npos || !target.substr(colon + 1).starts_with("//")) {
    return 0;
  }
  const std::string_view scheme = target.substr(0, colon);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) {
    return 0;
  }
  return static_cast<std::uint32_t>(colon) + 3;
}

/// The first byte of a TLS connection, the type of its first record (RFC 8446 section 5.1).
constexpr char k_tls_handshake = 22;

}  // namespace

void HeadParser::reset() noexcept {
  line_start_ = 0;
  scanned_ = 0;
  field_count_ = 0;
  section_ = Section::start;
  error_ = HeadError::none;
  head_ = RequestHead{};
}

HeadParser::Result HeadParser::fail(HeadError error) noexcept {
  error_ = error;
  return Result::failed;
}

// Two steps a line, so that where the pieces were cut never shows in the result: the search for
// its end, which goes on where it stopped and refuses what no line may contain, and then the
// grammar of the complete line.
HeadParser::Result HeadParser::parse(std::string_view bytes) noexcept {
  assert(error_ == HeadError::none && head_.size == 0);
  const char* const begin = bytes.data();
  const char* const end = begin + std::min<std::size_t>(bytes.size(), UINT32_MAX);
  for (;;) {
    const char* const stop = find_first<ControlByte>(begin + scanned_, end);
    const auto stopped_at = static_cast<std::uint32_t>(stop - begin);
    scanned_ = stopped_at;
    if (const HeadError error = limit_error(stopped_at); error != HeadError::none) {
      return fail(error);
    }
    if (stop == end || (*stop == '\r' && end - stop == 1)) {
      return Result::need_more;
    }
    if (stopped_at == 0 && *stop == k_tls_handshake) {
      return fail(HeadError::tls_on_a_port_in_the_clear);
    }
    if (*stop != '\r') {
      return fail(*stop == '\n' ? HeadError::bare_line_feed : HeadError::control_byte);
    }
    if (stop[1] != '\n') {
      return fail(HeadError::bare_carriage_return);
    }

    const std::uint32_t length = stopped_at - line_start_;
    HeadError error = HeadError::none;
    if (section_ == Section::fields) {
      if (length == 0) {
        error = finish(stopped_at + 2);
        return error == HeadError::none ? Result::complete : fail(error);
      }
      error = parse_field_line(begin, length);
    } else if (length != 0) {
      error = parse_request_line(begin, length);
    } else if (section_ == Section::start) {
      section_ = Section::request_line;
    } else {
      error = HeadError::extra_empty_line;
    }
    if (error != HeadError::none) {
      return fail(error);
    }
    line_start_ = scanned_ = stopped_at + 2;
  }
}

/// The limit that the bytes before `stop` break, if any: they have no line end after line_start_.
HeadError HeadParser::limit_error(std::uint32_t stop) const noexcept {
  const bool in_fields = section_ == Section::fields;
  const std::uint32_t line_limit = in_fields ? limits_->field_size : limits_->request_line;
  // Both limits are told by the first byte that is past one of them, the nearer one.
  const std::uint64_t line_end = std::uint64_t{line_start_} + line_limit;
  const std::uint64_t head_end = limits_->head;
  if (stop <= std::min(line_end, head_end)) [[likely]] {
    return HeadError::none;
  }
  if (head_end < line_end) {
    return HeadError::head_too_large;
  }
  return in_fields ? HeadError::field_too_large : HeadError::request_line_too_long;
}

HeadError HeadParser::parse_request_line(const char* bytes, std::uint32_t length) noexcept {
  const std::string_view line(bytes + line_start_, length);
  head_.request_line = {line_start_, length};
  std::uint32_t method_length = 0;
  while (method_length < length && is_token_char(line[method_length])) {
    ++method_length;
  }
  if (method_length == length) {
    return HeadError::malformed_request_line;
  }
  if (line[method_length] != ' ' || method_length == 0) {
    return HeadError::invalid_method;
  }
  if (length - method_length < k_shortest_line_end) {
    return HeadError::malformed_request_line;
  }
  const std::uint32_t version_start = length - k_version_length;
  const HeadError version_error = parse_version(line.substr(version_start));
  if (version_error != HeadError::none) {
    return version_error;
  }
  const std::uint32_t target_start = method_length + 1;
  if (version_start < target_start + 2 || line[version_start - 1] != ' ') {
    return HeadError::malformed_request_line;
  }
  head_.method = {line_start_, method_length};
  head_.target = {line_start_ + target_start, version_start - 1 - target_start};
  const HeadError target_error = parse_target(bytes);
  if (target_error == HeadError::none) {
    section_ = Section::fields;
  }
  return target_error;
}

HeadError HeadParser::parse_version(std::string_view text) noexcept {
  if (text == "HTTP/1.1") [[likely]] {
    head_.facts.set_version(Version::http_1_1);
    return HeadError::none;
  }
  if (!text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) {
    return HeadError::malformed_version;
  }
  if (text[5] != '1') {
    return HeadError::unsupported_version;
  }
  // RFC 9110 section 2.5: a higher minor version is treated as the highest that we know.
  head_.facts.set_version(text[7] == '0' ? Version::http_1_0 : Version::http_1_1);
  return HeadError::none;
}

HeadError HeadParser::parse_target(const char* bytes) noexcept {
  const std::string_view target = head_.target.in(bytes);
  const std::string_view method = head_.method.in(bytes);
  const char* const end = target.data() + target.size();
  if (find_first<NotTargetByte>(target.data(), end) != end) {
    return HeadError::invalid_target;
  }
  if (method == "CONNECT") {
    head_.target_form = TargetForm::authority;
    head_.host = head_.target;
    return is_authority_form(target) ? HeadError::none : HeadError::target_form_mismatch;
  }
  if (target.front() == '/') [[likely]] {
    head_.target_form = TargetForm::origin;
    head_.path_and_query = head_.target;
    return HeadError::none;
  }
  if (target == "*") {
    head_.target_form = TargetForm::asterisk;
    return method == "OPTIONS" ? HeadError::none : HeadError::target_form_mismatch;
  }
  return parse_absolute_form(target);
}

HeadError HeadParser::parse_absolute_form(std::string_view target) noexcept {
  const std::uint32_t scheme = scheme_length(target);
  if (scheme == 0) {
    return HeadError::invalid_target;
  }
  const auto target_length = static_cast<std::uint32_t>(target.size());
  const auto authority_end = static_cast<std::uint32_t>(
      std::min<std::size_t>(target.find_first_of("/?", scheme), target_length));
  const std::string_view authority = target.substr(scheme, authority_end - scheme);
  // RFC 9110 section 4.2.1: an http URI without a host is invalid. User information in it makes
  // the authority something that is not a host, and is refused with it (section 4.2.4).
  if (authority.empty() || !is_host_and_port(authority)) {
    return HeadError::invalid_target;
  }
  head_.target_form = TargetForm::absolute;
  head_.host = {head_.target.offset + scheme, authority_end - scheme};
  head_.path_and_query = {head_.target.offset + authority_end, target_length - authority_end};
  return HeadError::none;
}

HeadError HeadParser::parse_field_line(const char* bytes, std::uint32_t length) noexcept {
  const char* const line = bytes + line_start_;
  std::uint32_t name_length = 0;
  while (name_length < length && is_token_char(line[name_length])) {
    ++name_length;
  }
  if (name_length == length || line[name_length] != ':' || name_length == 0) [[unlikely]] {
    return name_error({line, length}, name_length);
  }
  if (field_count_ == limits_->fields) [[unlikely]] {
    return HeadError::too_many_fields;
  }
  std::uint32_t value_start = name_length + 1;
  std::uint32_t value_end = length;
  while (value_start < value_end && is_blank(line[value_start])) {
    ++value_start;
  }
  while (value_end > value_start && is_blank(line[value_end - 1])) {
    --value_end;
  }
  FieldSlices& field = fields_[field_count_];
  field.name = {line_start_, name_length};
  field.value = {line_start_ + value_start, value_end - value_start};
  const bool had_host = head_.facts.has_host();
  const HeadError error = head_.facts.add(field.name.in(bytes), field.value.in(bytes));
  if (head_.facts.has_host() != had_host) {
    host_field_ = field_count_;
  }
  ++field_count_;
  return error;
}

HeadError HeadParser::name_error(std::string_view line, std::uint32_t name_length) noexcept {
  if (is_blank(line.front())) {
    return HeadError::folded_field;
  }
  if (line.find(':') == std::string_view::npos) {
    return HeadError::missing_colon;
  }
  if (line.front() == ':') {
    return HeadError::empty_field_name;
  }
  const std::string_view rest = line.substr(name_length);
  return trim_blanks(rest).front() == ':' ? HeadError::blank_before_colon
                                          : HeadError::invalid_field_name;
}

HeadError HeadParser::finish(std::uint32_t size) noexcept {
  if (size > limits_->head) {
    return HeadError::head_too_large;
  }
  const HeadError error = head_.facts.finish();
  if (error != HeadError::none) {
    return error;
  }
  if (head_.facts.has_host()) {
    FieldSlices& host = fields_[host_field_];
    const bool host_is_in_target = head_.target_form == TargetForm::absolute;
    if (host_is_in_target) {
      host.value = head_.host;
    } else if (head_.target_form != TargetForm::authority) {
      head_.host = host.value;
    }
  }
  head_.size = size;
  return HeadError::none;
}

}  // namespace uringcorn::http::h1
