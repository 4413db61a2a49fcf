// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "http/head_error.hpp"

namespace uringcorn::http {

/// Why the body of a request could not be read to its end. After each of them the connection is
/// closed: where the next request would begin is not known, or not worth the wait.
enum class BodyError : std::uint8_t {
  none,
  // Chunked framing (RFC 9112 section 7.1).
  invalid_chunk_size,
  chunk_too_large,
  invalid_chunk_extension,
  chunk_extensions_too_large,
  invalid_chunk_line_end,
  invalid_chunk_end,
  // The trailer section.
  invalid_trailer,
  forbidden_trailer,
  trailer_too_large,
  // Any framing.
  ended_early,
  too_large,
  timed_out,
};

/// The status to answer and a sentence for the answer's body and the log. Not to be called with
/// `none`.
ErrorDescription describe(BodyError error) noexcept;

}  // namespace uringcorn::http
