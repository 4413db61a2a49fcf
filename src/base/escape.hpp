// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace uringcorn {

/// Appends `text` so that it can neither end a line nor steer a terminal: the control characters of
/// ASCII and of Latin-1, and the bytes that are not UTF-8, become `\xNN`. Other UTF-8 stays as it
/// is.
void append_escaped(std::string& out, std::string_view text);

/// The same as a new string, cut after `limit` bytes of input with `...` in the place of the rest.
std::string escaped(std::string_view text, std::size_t limit = 200);

/// Appends `text` in printable ASCII alone: `"`, `\` and every other byte become `\xNN`, so that it
/// can stand between quotes and be read back exactly. Blanks are escaped too unless `keep_blanks`.
void append_printable(std::string& out, std::string_view text, bool keep_blanks);

/// Appends `text` as the inside of a JSON string (RFC 8259), controls as `\u00NN`; what is not
/// UTF-8 becomes U+FFFD, so that the document is always valid.
void append_json_escaped(std::string& out, std::string_view text);

/// The length of the valid UTF-8 sequence at the start of `text` (RFC 3629: no overlong forms, no
/// surrogates), 1 to 4; 0 when there is none. `text` is not empty.
std::size_t utf8_sequence_length(std::string_view text);

}  // namespace uringcorn
