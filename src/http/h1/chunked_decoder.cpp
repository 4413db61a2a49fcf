// SPDX-License-Identifier: MIT
#include "http/h1/chunked_decoder.hpp"

#include <algorithm>
#include <limits>

#include "http/field_rules.hpp"

namespace uringcorn::http::h1 {
namespace {

constexpr std::uint64_t k_max_chunk_size =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

int hex_value(char c) noexcept {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::decode(std::string_view input) noexcept {
  std::size_t position = 0;
  std::size_t trailers = std::string_view::npos;
  while (state_ != State::complete && error_ == BodyError::none && position < input.size()) {
    if (state_ == State::data) {
      const std::size_t length = std::min<std::uint64_t>(remaining_, input.size() - position);
      remaining_ -= length;
      if (remaining_ == 0) {
        state_ = State::data_carriage_return;
      }
      return {Result::data, position + length, input.substr(position, length), {}};
    }
    if (is_in_trailers() && trailers == std::string_view::npos) {
      trailers = position;
    }
    error_ = take(input[position]);
    ++position;
  }
  if (error_ != BodyError::none) {
    return {Result::failed, position, {}, {}};
  }
  return {state_ == State::complete ? Result::complete : Result::need_more,
          position,
          {},
          trailers == std::string_view::npos ? std::string_view()
                                             : input.substr(trailers, position - trailers)};
}

BodyError ChunkedDecoder::take(char c) noexcept {
  switch (state_) {
    case State::size_first:
    case State::size:
      return take_size(c);
    case State::size_line_feed:
      return c == '\n' ? end_size_line() : BodyError::invalid_chunk_line_end;
    case State::data_carriage_return:
      state_ = State::data_line_feed;
      return c == '\r' ? BodyError::none : BodyError::invalid_chunk_end;
    case State::data_line_feed:
      state_ = State::size_first;
      return c == '\n' ? BodyError::none : BodyError::invalid_chunk_end;
    case State::trailer_first:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_line_feed:
    case State::last_line_feed:
      return take_trailer(c);
    case State::data:
    case State::complete:
      return BodyError::none;
    default:
      return take_extension(c);
  }
}

BodyError ChunkedDecoder::take_size(char c) noexcept {
  if (state_ == State::size_first) {
    remaining_ = 0;
    size_digits_ = 0;
  }
  const int digit = hex_value(c);
  if (digit >= 0) {
    state_ = State::size;
    if (++size_digits_ > k_max_size_digits || remaining_ > (k_max_chunk_size >> 4)) {
      return BodyError::chunk_too_large;
    }
    remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
    return BodyError::none;
  }
  if (state_ == State::size_first) {
    return BodyError::invalid_chunk_size;
  }
  if (c == '\r') {
    state_ = State::size_line_feed;
    return BodyError::none;
  }
  if (c == ';' || is_blank(c)) {
    return take_extension(c);
  }
  return c == '\n' ? BodyError::invalid_chunk_line_end : BodyError::invalid_chunk_size;
}

BodyError ChunkedDecoder::end_size_line() noexcept {
  state_ = remaining_ == 0 ? State::trailer_first : State::data;
  return BodyError::none;
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
BodyError ChunkedDecoder::take_extension(char c) noexcept {
  if (++extension_bytes_ > k_max_extension_bytes) {
    return BodyError::chunk_extensions_too_large;
  }
  switch (state_) {
    case State::extension_name_first:
      if (is_token_char(c)) {
        state_ = State::extension_name;
        return BodyError::none;
      }
      return is_blank(c) ? BodyError::none : BodyError::invalid_chunk_extension;
    case State::extension_name:
      return is_token_char(c) ? BodyError::none : end_extension(c);
    case State::extension_value_first:
      if (c == '"') {
        state_ = State::extension_quoted;
        return BodyError::none;
      }
      if (is_token_char(c)) {
        state_ = State::extension_token;
        return BodyError::none;
      }
      return is_blank(c) ? BodyError::none : BodyError::invalid_chunk_extension;
    case State::extension_token:
      return is_token_char(c) ? BodyError::none : end_extension(c);
    case State::extension_quoted:
    case State::extension_escape:
      return take_quoted(c);
    default:
      return end_extension(c);
  }
}

BodyError ChunkedDecoder::take_quoted(char c) noexcept {
  if (!is_in_class(c, k_field_value_char)) {
    return BodyError::invalid_chunk_extension;
  }
  if (state_ == State::extension_escape) {
    state_ = State::extension_quoted;
  } else if (c == '"') {
    state_ = State::extension_quoted_end;
  } else if (c == '\\') {
    state_ = State::extension_escape;
  }
  return BodyError::none;
}

/// What may follow the size or a part of an extension. A blank is only good before a ";" or a "=",
/// so the line never ends after one.
BodyError ChunkedDecoder::end_extension(char c) noexcept {
  const bool after_name =
      state_ == State::extension_name || state_ == State::blank_after_extension_name;
  const bool after_blank =
      state_ == State::blank_before_extension || state_ == State::blank_after_extension_name;
  if (is_blank(c)) {
    state_ = after_name ? State::blank_after_extension_name : State::blank_before_extension;
  } else if (c == ';') {
    state_ = State::extension_name_first;
  } else if (c == '=' && after_name) {
    state_ = State::extension_value_first;
  } else if (c == '\r' && !after_blank) {
    state_ = State::size_line_feed;
  } else if (c == '\n') {
    return BodyError::invalid_chunk_line_end;
  } else {
    return BodyError::invalid_chunk_extension;
  }
  return BodyError::none;
}

BodyError ChunkedDecoder::take_trailer(char c) noexcept {
  if (++trailer_bytes_ > limits_->trailer_section()) {
    return BodyError::trailer_too_large;
  }
  switch (state_) {
    case State::trailer_first:
      if (c == '\r') {
        state_ = State::last_line_feed;
        return BodyError::none;
      }
      if (++trailer_count_ > limits_->fields) {
        return BodyError::trailer_too_large;
      }
      trailer_line_bytes_ = 0;
      name_length_ = 0;
      state_ = State::trailer_name;
      return take_trailer_name(c);
    case State::trailer_name:
      return take_trailer_name(c);
    case State::trailer_value:
      if (c == '\r') {
        state_ = State::trailer_line_feed;
        return BodyError::none;
      }
      if (++trailer_line_bytes_ > limits_->field_size) {
        return BodyError::trailer_too_large;
      }
      return is_in_class(c, k_field_value_char) ? BodyError::none : BodyError::invalid_trailer;
    case State::trailer_line_feed:
      state_ = State::trailer_first;
      return c == '\n' ? BodyError::none : BodyError::invalid_trailer;
    default:
      state_ = State::complete;
      return c == '\n' ? BodyError::none : BodyError::invalid_trailer;
  }
}

BodyError ChunkedDecoder::take_trailer_name(char c) noexcept {
  if (++trailer_line_bytes_ > limits_->field_size) {
    return BodyError::trailer_too_large;
  }
  if (is_token_char(c)) {
    // A name that is longer than the longest forbidden one needs no more than this said of it.
    if (name_length_ < name_.size()) {
      name_[name_length_] = to_lower(c);
      ++name_length_;
    }
    return BodyError::none;
  }
  if (c != ':' || name_length_ == 0) {
    return BodyError::invalid_trailer;
  }
  state_ = State::trailer_value;
  return is_forbidden_in_trailers({name_.data(), name_length_}) ? BodyError::forbidden_trailer
                                                                : BodyError::none;
}

}  // namespace uringcorn::http::h1
