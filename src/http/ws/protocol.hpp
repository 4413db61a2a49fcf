// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace uringcorn::http::ws {

/// RFC 6455, section 11.8.
enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

constexpr bool is_known(Opcode opcode) noexcept {
  return opcode <= Opcode::binary || (opcode >= Opcode::close && opcode <= Opcode::pong);
}
constexpr bool is_control(Opcode opcode) noexcept {
  return (static_cast<unsigned>(opcode) & 8u) != 0;
}

/// RFC 6455, section 5.5.
constexpr std::size_t k_control_payload_max = 125;
/// A Close frame begins with its code.
constexpr std::size_t k_close_reason_max = k_control_payload_max - 2;
constexpr std::size_t k_mask_bytes = 4;

/// The codes that this server uses by itself (RFC 6455, section 7.4.1; 1013: the IANA registry).
enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  no_code = 1005,   ///< never sent: the Close frame had none
  abnormal = 1006,  ///< never sent: the connection ended without a Close frame
  invalid_data = 1007,
  policy = 1008,
  too_big = 1009,
  internal_error = 1011,
  try_again_later = 1013,
};

/// Whether a Close frame may carry `code`: those that RFC 6455 and the IANA registry define for
/// that, and those for libraries and applications. 1004 means nothing; 1005, 1006 and 1015 stand
/// for what no frame says.
constexpr bool may_be_sent(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace uringcorn::http::ws
