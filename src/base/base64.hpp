// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace uringcorn {

/// Base 64 of RFC 4648, section 4, with padding.
std::string base64_encode(std::string_view bytes);

/// The bytes that `text` stands for; nothing unless it is canonical: whole groups of four, padding
/// where it belongs, no other character, and no bit that the padding throws away.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace uringcorn
