// SPDX-License-Identifier: MIT
#include "http/h2/head_builder.hpp"

#include <algorithm>

#include "http/method.hpp"

namespace uringcorn::http::h2 {
namespace {

/// What RFC 9113 section 6.5.2 adds to each field.
constexpr std::size_t k_entry_overhead_bytes = 32;
/// What HTTP/1 puts around the parts of a head: ": " in a field line, and the end of a line.
constexpr std::size_t k_colon_bytes = 2;
constexpr std::size_t k_line_end_bytes = 2;
constexpr std::string_view k_host_name = "host";
constexpr std::string_view k_websocket = "websocket";
constexpr std::string_view k_request_line_rest = "  HTTP/1.1";

bool has_upper_case(std::string_view name) noexcept {
  return std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// The fields that say what becomes of an HTTP/1 connection (RFC 9113 section 8.2.2).
bool is_of_connection(std::string_view name, std::string_view value) noexcept {
  switch (name.size()) {
    case 2:
      return name == "te" && !equals_ignoring_case(value, "trailers");
    case 7:
      return name == "upgrade";
    case 10:
      return name == "connection" || name == "keep-alive";
    case 16:
      return name == "proxy-connection";
    case 17:
      return name == "transfer-encoding";
    default:
      return false;
  }
}

bool same_host(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace

void HeadBuilder::reset() noexcept {
  error_ = HeadError::none;
  facts_ = RequestFacts();
  method_.reset();
  scheme_.reset();
  authority_.reset();
  path_.reset();
  protocol_.reset();
  priority_.reset();
  form_ = TargetForm::origin;
  host_ = {};
  fields_.clear();
  crumbs_.clear();
  cookie_field_ = cookie_bytes_ = list_bytes_ = line_bytes_ = 0;
}

void HeadBuilder::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + k_entry_overhead_bytes;
  if (error_ != HeadError::none) {
    return;
  }
  error_ = list_bytes_ > list_bytes_max_ ? HeadError::head_too_large : take(name, value);
}

HeadError HeadBuilder::take(std::string_view name, std::string_view value) {
  if (!is_field_value(value)) {
    return HeadError::control_byte;
  }
  if (name.starts_with(':')) {
    return take_pseudo_field(name, value);
  }
  if (!is_token(name)) {
    return name.empty() ? HeadError::empty_field_name : HeadError::invalid_field_name;
  }
  if (has_upper_case(name)) {
    return HeadError::upper_case_field_name;
  }
  if (trim_blanks(value).size() != value.size()) {
    return HeadError::blank_around_value;
  }
  return take_field(name, value);
}

HeadError HeadBuilder::take_pseudo_field(std::string_view name, std::string_view value) {
  std::optional<std::string_view>* const place = name == ":method"      ? &method_
                                                 : name == ":scheme"    ? &scheme_
                                                 : name == ":authority" ? &authority_
                                                 : name == ":path"      ? &path_
                                                 : name == ":protocol"  ? &protocol_
                                                                        : nullptr;
  // RFC 9113 section 8.3: known, once, and before all other fields.
  if (place == nullptr || place->has_value() || !fields_.empty()) {
    return HeadError::invalid_pseudo_field;
  }
  if (value.size() > limits_.request_line) {
    return place == &authority_ ? HeadError::field_too_large : HeadError::request_line_too_long;
  }
  place->emplace(copy(value));
  return HeadError::none;
}

HeadError HeadBuilder::take_field(std::string_view name, std::string_view value) {
  if (is_of_connection(name, value)) {
    return HeadError::connection_field_in_http_2;
  }
  if (name == "cookie") {
    return take_cookie(value);
  }
  const std::size_t line_bytes = name.size() + k_colon_bytes + value.size();
  if (line_bytes > limits_.field_size) {
    return HeadError::field_too_large;
  }
  line_bytes_ += line_bytes + k_line_end_bytes;
  return keep(name, value);
}

HeadError HeadBuilder::keep(std::string_view name, std::string_view value) {
  if (fields_.size() == limits_.fields) {
    return HeadError::too_many_fields;
  }
  const HeadError too_large = check_size();
  if (too_large != HeadError::none) {
    return too_large;
  }
  const std::string_view line = copy(name, value);
  fields_.push_back({line.substr(0, name.size()), line.substr(name.size())});
  if (name == k_host_name) {
    host_ = fields_.back().value;
  } else if (name == "priority") {
    priority_ = parse_priority(value);
  }
  return facts_.add(name, value);
}

/// The crumbs of one Cookie field, which HTTP/2 lets a client send apart (RFC 9113 section 8.2.3).
HeadError HeadBuilder::take_cookie(std::string_view value) {
  constexpr std::string_view k_line_start = "cookie: ";
  constexpr std::string_view k_between = "; ";
  const std::size_t added = value.size() + (crumbs_.empty() ? k_line_start : k_between).size();
  cookie_bytes_ += added;
  line_bytes_ += added;
  if (cookie_bytes_ > limits_.field_size) {
    return HeadError::field_too_large;
  }
  if (crumbs_.empty()) {
    cookie_field_ = fields_.size();
    const HeadError error = keep("cookie", value);
    if (error != HeadError::none) {
      return error;
    }
    crumbs_.push_back(fields_.back().value);
    return HeadError::none;
  }
  crumbs_.push_back(copy(value));
  return check_size();
}

HeadError HeadBuilder::check_size() const noexcept {
  const std::size_t request_line = method_.value_or("").size() + path_.value_or("").size() +
                                   k_request_line_rest.size() + k_line_end_bytes;
  const std::size_t bytes = request_line + line_bytes_ + k_line_end_bytes;
  return bytes > limits_.head ? HeadError::head_too_large : HeadError::none;
}

HeadError HeadBuilder::finish(detail::RequestHead& head, bool ends_stream) {
  if (error_ == HeadError::none) {
    error_ = judge(ends_stream);
  }
  fill(head);
  return error_;
}

HeadError HeadBuilder::judge(bool ends_stream) {
  if (const HeadError error = judge_target(); error != HeadError::none) {
    return error;
  }
  if (const HeadError error = judge_host(); error != HeadError::none) {
    return error;
  }
  // What follows an extended CONNECT is no body, but what goes through the tunnel.
  if (!ends_stream && !facts_.content_length() && !protocol_) {
    facts_.set_body_of_unknown_length();
  }
  if (ends_stream && facts_.content_length().value_or(0) > 0) {
    return HeadError::content_length_without_body;
  }
  join_cookies();
  return facts_.finish();
}

HeadError HeadBuilder::judge_target() {
  if (!method_ || method_->empty()) {
    return HeadError::missing_pseudo_field;
  }
  if (!is_token(*method_)) {
    return HeadError::invalid_method;
  }
  const bool is_plain_connect = *method_ == "CONNECT" && !protocol_;
  const std::string_view target = is_plain_connect ? authority_.value_or("") : path_.value_or("");
  if (method_->size() + target.size() + k_request_line_rest.size() > limits_.request_line) {
    return HeadError::request_line_too_long;
  }
  if (is_plain_connect) {  // RFC 9113 section 8.5
    form_ = TargetForm::authority;
    if (scheme_ || path_) {
      return HeadError::invalid_pseudo_field;
    }
    return is_authority_form(target) ? HeadError::none : HeadError::target_form_mismatch;
  }
  if (const HeadError error = judge_path(target); error != HeadError::none) {
    return error;
  }
  return protocol_ ? judge_tunnel() : HeadError::none;
}

HeadError HeadBuilder::judge_path(std::string_view target) {
  if (!scheme_ || scheme_->empty() || target.empty()) {
    return HeadError::missing_pseudo_field;
  }
  if (!all_in_class(target, k_target_char)) {
    return HeadError::invalid_target;
  }
  if (target == "*") {
    form_ = TargetForm::asterisk;
    return *method_ == "OPTIONS" ? HeadError::none : HeadError::target_form_mismatch;
  }
  return target.front() == '/' ? HeadError::none : HeadError::invalid_target;
}

/// An extended CONNECT (RFC 8441 section 4).
HeadError HeadBuilder::judge_tunnel() {
  if (*method_ != "CONNECT") {
    return HeadError::invalid_pseudo_field;
  }
  if (!authority_) {
    return HeadError::missing_pseudo_field;
  }
  return equals_ignoring_case(*protocol_, k_websocket) ? HeadError::none
                                                       : HeadError::unsupported_protocol;
}

/// Host and :authority are the same thing (RFC 9113 section 8.3.1). An application finds it in the
/// Host field, as with HTTP/1.
HeadError HeadBuilder::judge_host() {
  if (!authority_) {
    return HeadError::none;
  }
  if (facts_.has_host()) {
    return same_host(host_, *authority_) ? HeadError::none : HeadError::authority_mismatch;
  }
  const std::size_t line_bytes = k_host_name.size() + k_colon_bytes + authority_->size();
  if (line_bytes > limits_.field_size) {
    return HeadError::field_too_large;
  }
  if (fields_.size() == limits_.fields) {
    return HeadError::too_many_fields;
  }
  line_bytes_ += line_bytes + k_line_end_bytes;
  if (const HeadError too_large = check_size(); too_large != HeadError::none) {
    return too_large;
  }
  host_ = *authority_;
  fields_.insert(fields_.begin(), {k_host_name, host_});
  ++cookie_field_;
  return facts_.add(k_host_name, host_);
}

void HeadBuilder::join_cookies() {
  if (crumbs_.size() < 2) {
    return;
  }
  char* const joined = arena_.allocate(cookie_bytes_);
  char* end = joined;
  for (const std::string_view crumb : crumbs_) {
    if (end != joined) {
      *end++ = ';';
      *end++ = ' ';
    }
    end = std::copy(crumb.begin(), crumb.end(), end);
  }
  fields_[cookie_field_].value = {joined, static_cast<std::size_t>(end - joined)};
}

std::string_view HeadBuilder::copy(std::string_view text, std::string_view more) {
  const std::size_t size = text.size() + more.size();
  char* const place = arena_.allocate(size);
  std::copy(more.begin(), more.end(), std::copy(text.begin(), text.end(), place));
  return {place, size};
}

void HeadBuilder::fill(detail::RequestHead& head) const noexcept {
  head.version_major = 2;
  head.version_minor = 0;
  head.method_name = method_.value_or("");
  head.method = known_method(head.method_name);
  head.target = form_ == TargetForm::authority ? authority_.value_or("") : path_.value_or("");
  head.authority = host_;
  head.fields = RequestFields(fields_);
  head.content_length = facts_.content_length();
  head.has_body = facts_.has_body();
  head.websocket = protocol_ && equals_ignoring_case(*protocol_, k_websocket);
}

}  // namespace uringcorn::http::h2
