// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/ws/masking.hpp"
#include "http/ws/protocol.hpp"

namespace uringcorn::tests {

using http::ws::MaskingKey;
using http::ws::Opcode;

inline constexpr unsigned k_fin = 0x80;
inline constexpr unsigned k_rsv1 = 0x40;
inline constexpr MaskingKey k_test_mask{'\x37', '\xfa', '\x21', '\x3d'};

/// The payload length of a frame, in its shortest form, with the mask bit.
inline std::string masked_length(std::size_t size) {
  std::string text;
  const int bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  text += static_cast<char>(0x80 | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
  for (int i = bytes - 1; i >= 0; --i) {
    text += static_cast<char>(size >> (8 * i));
  }
  return text;
}

/// `text`, masked as a client does.
inline std::string masked(std::string text) {
  http::ws::apply_mask({text.data(), text.size()}, k_test_mask, 0);
  return text;
}

/// A frame as a client sends it. `first` is the first byte.
inline std::string raw_client_frame(unsigned first, std::string_view payload) {
  return static_cast<char>(first) + masked_length(payload.size()) +
         std::string(k_test_mask.data(), k_test_mask.size()) + masked(std::string(payload));
}
inline std::string client_frame(Opcode opcode, std::string_view payload, bool final_frame = true) {
  return raw_client_frame((final_frame ? k_fin : 0) | static_cast<unsigned>(opcode), payload);
}

/// The payload of a Close frame.
inline std::string close_payload(std::uint16_t code, std::string_view reason = {}) {
  std::string text;
  text += static_cast<char>(code >> 8);
  text += static_cast<char>(code & 0xff);
  return text.append(reason);
}

/// A short frame as a server sends it.
inline std::string server_frame(unsigned first, std::string_view payload) {
  std::string frame{static_cast<char>(first), static_cast<char>(payload.size())};
  return frame.append(payload);
}
inline std::string server_close(std::uint16_t code, std::string_view reason = {}) {
  return server_frame(0x88, close_payload(code, reason));
}

}  // namespace uringcorn::tests
