// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <uringcorn/fields.hpp>

#include "base/byte_buffer.hpp"
#include "http/request_facts.hpp"

namespace uringcorn::http::h1 {

/// How the end of an answer's body is told (RFC 9112 section 6.3).
enum class BodyEnd : std::uint8_t {
  none,     ///< there is no body
  length,   ///< by the length in the head
  chunked,  ///< by the last chunk
  close,    ///< by the end of the connection
};

/// What the request and the server say about the framing of the answer.
struct FramingContext {
  Version version = Version::http_1_1;
  bool is_head = false;
  bool is_connect = false;
  bool keep_alive = true;  ///< both sides are willing to go on after this answer
};

struct ResponseFraming {
  BodyEnd body_end = BodyEnd::none;
  /// What Content-Length announces; a HEAD answer announces the length of a body that is not sent.
  std::optional<std::uint64_t> content_length;
  bool transfer_encoding = false;  ///< "Transfer-Encoding: chunked" is announced
  bool keep_alive = false;
  /// An HTTP/1.0 client must be told that the connection stays, an HTTP/1.1 client that it ends.
  bool says_connection = false;
};

/// The framing of an answer with a body of `length` bytes, or of unknown length.
ResponseFraming frame_response(int status, std::optional<std::uint64_t> length,
                               const FramingContext& context) noexcept;

/// Appends the head of an answer. `fields` has valid names and values, as every Fields has: nothing
/// in them can end a line. The framing fields among them are left out, as the framing is ours to
/// tell. `date_line` and `server_line` end in CRLF or are empty, and give way to a field of that
/// name.
void write_response_head(ByteBuffer& out, int status, const Fields& fields,
                         const ResponseFraming& framing, std::string_view date_line,
                         std::string_view server_line);

/// Appends an interim answer (1xx, RFC 9110 section 15.2).
void write_interim_response(ByteBuffer& out, int status, const Fields& fields);

/// Appends a whole answer that says what went wrong, in plain text; after it the connection ends
/// unless `context` keeps it. `sentence` is a line of text.
void write_error_response(ByteBuffer& out, int status, std::string_view sentence,
                          const FramingContext& context, std::string_view date_line,
                          std::string_view server_line);

/// Appends the line that begins a chunk of `size` bytes (not 0: that would end the body). The data
/// follows, then end_chunk().
void begin_chunk(ByteBuffer& out, std::uint64_t size);
inline void end_chunk(ByteBuffer& out) {
  out.append("\r\n");
}
/// Appends what ends a chunked body, with the trailer section (RFC 9112 section 7.1.2).
void end_chunked_body(ByteBuffer& out, const Fields& trailers);

}  // namespace uringcorn::http::h1
