// SPDX-License-Identifier: MIT
#include "http/body_error.hpp"

namespace uringcorn::http {

ErrorDescription describe(BodyError error) noexcept {
  switch (error) {
    case BodyError::none:
      break;
    case BodyError::invalid_chunk_size:
      return {400, "The size of a chunk is not a hexadecimal number."};
    case BodyError::chunk_too_large:
      return {413, "The size of a chunk is out of range."};
    case BodyError::invalid_chunk_extension:
      return {400, "A chunk extension is not a name with an optional value."};
    case BodyError::chunk_extensions_too_large:
      return {400, "The chunk extensions of the body are too large."};
    case BodyError::invalid_chunk_line_end:
      return {400, "The line of a chunk's size does not end in CRLF."};
    case BodyError::invalid_chunk_end:
      return {400, "The data of a chunk is not followed by CRLF."};
    case BodyError::invalid_trailer:
      return {400, "A trailer field line is malformed."};
    case BodyError::forbidden_trailer:
      return {400, "A trailer field has a name that only a header field may have."};
    case BodyError::trailer_too_large:
      return {431, "The trailer section is larger than the limits on header fields."};
    case BodyError::ended_early:
      return {400, "The connection ended before the request body did."};
    case BodyError::too_large:
      return {413, "The request body is larger than limit-request-body."};
    case BodyError::timed_out:
      return {408, "The request body did not arrive in time."};
  }
  return {500, "The request body was refused for no known reason."};
}

}  // namespace uringcorn::http
