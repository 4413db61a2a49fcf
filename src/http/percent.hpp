// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace uringcorn::http {

/// Whether "+" stands for a space: in queries and forms it does (WHATWG URL, 5.1), in paths not.
enum class PlusSign : std::uint8_t { literal, space };

/// Decodes the percent-escapes of `text` (RFC 3986, 2.1) into `out`, which has room for text.size()
/// bytes and may be text.data() itself. Gives the number of bytes written. A "%" that two
/// hexadecimal digits do not follow stays as it is.
std::size_t decode_percent(std::string_view text, char* out, PlusSign plus) noexcept;

/// False when a "%" is not followed by two hexadecimal digits, or an escape stands for NUL.
bool is_well_escaped(std::string_view text) noexcept;

}  // namespace uringcorn::http
