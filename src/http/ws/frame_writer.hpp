// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/byte_buffer.hpp"
#include "http/ws/protocol.hpp"

namespace uringcorn::http::ws {

/// What the first byte of a frame says.
struct FrameKind {
  Opcode opcode;
  bool compressed = false;  ///< RSV1; only of the first frame of a message (RFC 7692, section 6)
  bool final_frame = true;  ///< FIN
};

/// The head of an unmasked frame: what a server sends (RFC 6455, section 5.2).
class FrameHead {
 public:
  FrameHead(FrameKind kind, std::uint64_t payload_length) noexcept;

  std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, 10> bytes_;
  std::uint8_t size_;
};

void append_frame(ByteBuffer& out, FrameKind kind, std::string_view payload);

/// A Close frame; without a payload when `code` is no_code, which cannot be sent. A `reason` that
/// is too long for it is cut, between two characters.
void append_close_frame(ByteBuffer& out, std::uint16_t code, std::string_view reason);

}  // namespace uringcorn::http::ws
