// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <uringcorn/fields.hpp>

#include "http/body_error.hpp"
#include "http/h1/chunked_decoder.hpp"
#include "http/h1/input.hpp"
#include "http/request_facts.hpp"

namespace uringcorn::http::h1 {

/// Where the reading of one request's body stands: takes it piece by piece out of the input.
class RequestBody {
 public:
  enum class Step : std::uint8_t { data, need_input, complete, failed };

  /// `limits` must outlive it.
  explicit RequestBody(const HeadLimits& limits) noexcept : limits_(&limits), decoder_(limits) {}

  /// Begins the body of a request with these facts. `bytes_max` bounds its data; 0: no bound.
  void begin(const RequestFacts& facts, std::uint64_t bytes_max) noexcept;

  /// Takes the next piece of data that was received, and of the framing around it.
  Step next(Input& input, std::string_view& data) noexcept;

  bool complete() const noexcept { return state_ == State::complete; }
  bool failed() const noexcept { return error_ != BodyError::none; }
  BodyError error() const noexcept { return error_; }
  /// Gives the body up: its end will not be seen.
  void fail(BodyError error) noexcept { error_ = error; }

  /// How many bytes of data are still to come; unknown for a chunked body.
  std::optional<std::uint64_t> bytes_left() const noexcept {
    return state_ == State::chunked ? std::nullopt : std::optional(bytes_left_);
  }
  /// The trailer fields, once it is complete.
  const Fields& trailers() const noexcept { return trailers_; }
  /// Frees them, and what has come of a section that is not whole. begin() does so, too.
  void forget_trailers() noexcept;
  /// True once a byte of the body, framing included, was taken.
  bool begun() const noexcept { return begun_; }

 private:
  enum class State : std::uint8_t { complete, length, chunked };

  Step fail_with(BodyError error) noexcept;
  Step next_of_length(Input& input, std::string_view& data) noexcept;
  Step next_chunk(Input& input, std::string_view& data) noexcept;
  void list_trailers();

  const HeadLimits* limits_;
  ChunkedDecoder decoder_;
  std::uint64_t bytes_left_ = 0;
  std::uint64_t bytes_allowed_ = 0;
  State state_ = State::complete;
  BodyError error_ = BodyError::none;
  std::string trailer_section_;  // as it was sent
  Fields trailers_;
  bool begun_ = false;
};

}  // namespace uringcorn::http::h1
