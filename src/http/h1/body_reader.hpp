// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/body_error.hpp"
#include "http/h1/chunked_decoder.hpp"
#include "http/request_facts.hpp"

namespace uringcorn::http::h1 {

/// Finds the body of one request in the bytes behind its head, by length or by chunks, and holds it
/// to a limit. Keeps no pointer to its input.
class BodyReader {
 public:
  /// `size_limit` in bytes, 0: none. `limits` (of trailers) must outlive the reader.
  BodyReader(const RequestFacts& facts, std::uint64_t size_limit, const HeadLimits& limits) noexcept
      : decoder_(limits),
        remaining_(facts.content_length().value_or(0)),
        size_limit_(size_limit),
        chunked_(facts.is_chunked()),
        finished_(!facts.has_body()) {
    if (size_limit_ != 0 && remaining_ > size_limit_) {
      error_ = BodyError::too_large;
    }
  }

  struct Step {
    std::size_t consumed = 0;  ///< bytes of the input that are done with, `data` included
    std::string_view data;     ///< within the input
  };

  /// Looks at `input` up to the first piece of data. Without data, finished() or error() may say
  /// why; if neither does, all input was consumed and more is needed.
  Step read(std::string_view input) noexcept;

  bool finished() const noexcept { return finished_; }
  BodyError error() const noexcept { return error_; }
  void fail(BodyError error) noexcept { error_ = error; }
  /// The bytes that are still to come; unknown for chunks.
  std::optional<std::uint64_t> remaining() const noexcept {
    return chunked_ ? std::nullopt : std::optional(remaining_);
  }

 private:
  Step read_chunks(std::string_view input) noexcept;

  ChunkedDecoder decoder_;
  std::uint64_t remaining_;
  std::uint64_t size_limit_;
  std::uint64_t size_ = 0;
  bool chunked_;
  bool finished_;
  BodyError error_ = BodyError::none;
};

}  // namespace uringcorn::http::h1
