// SPDX-License-Identifier: MIT
#include "http/h1/request_body.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "http/field_rules.hpp"

namespace uringcorn::http::h1 {

void RequestBody::begin(const RequestFacts& facts, std::uint64_t bytes_max) noexcept {
  state_ = State::complete;
  error_ = BodyError::none;
  begun_ = false;
  forget_trailers();
  bytes_left_ = facts.content_length().value_or(0);
  bytes_allowed_ = bytes_max == 0 ? std::numeric_limits<std::uint64_t>::max() : bytes_max;
  if (facts.is_chunked()) {
    state_ = State::chunked;
    decoder_ = ChunkedDecoder(*limits_);
  } else if (bytes_left_ > 0) {
    state_ = State::length;
    if (bytes_left_ > bytes_allowed_) {
      error_ = BodyError::too_large;
    }
  }
}

RequestBody::Step RequestBody::next(Input& input, std::string_view& data) noexcept {
  if (error_ != BodyError::none) {
    return Step::failed;
  }
  switch (state_) {
    case State::length:
      return next_of_length(input, data);
    case State::chunked:
      return next_chunk(input, data);
    case State::complete:
      break;
  }
  return Step::complete;
}

RequestBody::Step RequestBody::next_of_length(Input& input, std::string_view& data) noexcept {
  const std::string_view unread = input.unread();
  if (unread.empty()) {
    return Step::need_input;
  }
  begun_ = true;
  data = unread.substr(0, bytes_left_);
  input.consume(data.size());
  bytes_left_ -= data.size();
  if (bytes_left_ == 0) {
    state_ = State::complete;
  }
  return Step::data;
}

RequestBody::Step RequestBody::next_chunk(Input& input, std::string_view& data) noexcept {
  const std::string_view unread = input.unread();
  const ChunkedDecoder::Step step = decoder_.decode(unread);
  input.consume(step.consumed);
  begun_ = begun_ || step.consumed > 0;
  if (!step.trailers.empty()) {
    try {
      trailer_section_ += step.trailers;
      if (step.result == ChunkedDecoder::Result::complete) {
        list_trailers();
      }
    } catch (const std::bad_alloc&) {
      return fail_with(BodyError::trailer_too_large);
    }
  }
  switch (step.result) {
    case ChunkedDecoder::Result::need_more:
      return Step::need_input;
    case ChunkedDecoder::Result::complete:
      state_ = State::complete;
      return Step::complete;
    case ChunkedDecoder::Result::failed:
      return fail_with(decoder_.error());
    case ChunkedDecoder::Result::data:
      break;
  }
  if (step.data.size() > bytes_allowed_) {
    return fail_with(BodyError::too_large);
  }
  bytes_allowed_ -= step.data.size();
  data = step.data;
  return Step::data;
}

void RequestBody::forget_trailers() noexcept {
  if (!trailer_section_.empty() || !trailers_.empty()) {
    trailer_section_ = std::string();  // with its memory
    trailers_ = Fields();
  }
}

/// The section has been found to be good.
void RequestBody::list_trailers() {
  std::string_view rest = trailer_section_;
  for (std::size_t end = rest.find("\r\n"); end > 0; end = rest.find("\r\n")) {
    const std::string_view line = rest.substr(0, end);
    const std::size_t colon = line.find(':');
    trailers_.add(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
    rest.remove_prefix(end + 2);
  }
  trailer_section_ = std::string();
}

RequestBody::Step RequestBody::fail_with(BodyError error) noexcept {
  error_ = error;
  return Step::failed;
}

}  // namespace uringcorn::http::h1
