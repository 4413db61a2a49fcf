// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace uringcorn {

/// The SHA-1 digest of `bytes` (RFC 3174). Only for protocols that name it, where nothing depends
/// on it that an attacker could gain from: the accept value of a WebSocket handshake.
std::array<std::uint8_t, 20> sha1(std::string_view bytes) noexcept;

}  // namespace uringcorn
