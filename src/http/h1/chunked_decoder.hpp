// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/body_error.hpp"
#include "http/head_limits.hpp"

namespace uringcorn::http::h1 {

/// Takes the chunked transfer coding off a body (RFC 9112 section 7.1) as the bytes come. Strict:
/// CRLF only, hexadecimal digits only, chunk extensions checked by their grammar and then dropped,
/// trailer fields checked like header fields and handed on apart from those.
///
/// Keeps no pointer to its input and allocates nothing. One thread at a time.
class ChunkedDecoder {
 public:
  /// Bytes of chunk extensions in one body, names, values and signs; nobody is known to use them.
  static constexpr std::uint32_t k_max_extension_bytes = 16 * 1024;
  /// Digits of one chunk size, leading zeros included.
  static constexpr std::uint8_t k_max_size_digits = 16;

  enum class Result : std::uint8_t {
    need_more,  ///< all input was taken; the body goes on
    data,       ///< `data` holds some of the body; call again with the rest of the input
    complete,   ///< the body has ended; what is left of the input belongs to the next request
    failed,     ///< error() says why; nothing after it may be read as anything
  };

  struct Step {
    Result result;
    std::size_t consumed;   ///< bytes of the input that are done with, `data` included
    std::string_view data;  ///< within the input; not empty if the result is `data`
    /// What was consumed of the trailer section, line ends included. Mostly nothing.
    std::string_view trailers;
  };

  /// `limits` must outlive the decoder. The trailer section is bound like the fields of a head:
  /// number, size of each, and all together.
  explicit ChunkedDecoder(const HeadLimits& limits) noexcept : limits_(&limits) {}

  /// Looks at `input` up to the first piece of data. What was consumed is not to be given again.
  Step decode(std::string_view input) noexcept;

  BodyError error() const noexcept { return error_; }

 private:
  enum class State : std::uint8_t {
    size_first,
    size,
    blank_before_extension,
    extension_name_first,
    extension_name,
    blank_after_extension_name,
    extension_value_first,
    extension_token,
    extension_quoted,
    extension_escape,
    extension_quoted_end,
    size_line_feed,
    data,
    data_carriage_return,
    data_line_feed,
    trailer_first,
    trailer_name,
    trailer_value,
    trailer_line_feed,
    last_line_feed,
    complete,
  };

  bool is_in_trailers() const noexcept {
    return state_ >= State::trailer_first && state_ <= State::last_line_feed;
  }

  // Every function takes one byte and says what is wrong with it.
  BodyError take(char c) noexcept;
  BodyError take_size(char c) noexcept;
  BodyError take_extension(char c) noexcept;
  BodyError take_quoted(char c) noexcept;
  BodyError end_extension(char c) noexcept;
  BodyError take_trailer(char c) noexcept;
  BodyError take_trailer_name(char c) noexcept;
  BodyError end_size_line() noexcept;

  const HeadLimits* limits_;
  std::uint64_t remaining_ = 0;  // of the chunk's data, or its size while that is read
  std::uint32_t extension_bytes_ = 0;
  std::uint32_t trailer_bytes_ = 0;
  std::uint32_t trailer_line_bytes_ = 0;
  std::uint32_t trailer_count_ = 0;
  State state_ = State::size_first;
  std::uint8_t size_digits_ = 0;
  BodyError error_ = BodyError::none;
  std::uint8_t name_length_ = 0;
  std::array<char, 32> name_;  // of the trailer field, in lower case; longer ones are not kept
};

}  // namespace uringcorn::http::h1
