// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace httpbin {

/// RFC 4648, 4, with padding.
std::string encode_base64(std::string_view bytes);
/// Of either alphabet (RFC 4648, 4 and 5), padded or not; nothing if it is malformed.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace httpbin
