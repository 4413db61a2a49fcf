// SPDX-License-Identifier: MIT
#include "http/ws/frame_writer.hpp"

#include <algorithm>
#include <cassert>

namespace uringcorn::http::ws {
namespace {

constexpr unsigned k_fin = 0x80;
constexpr unsigned k_rsv1 = 0x40;

bool continues_character(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xc0u) == 0x80;
}

}  // namespace

FrameHead::FrameHead(FrameKind kind, std::uint64_t payload_length) noexcept {
  bytes_[0] = static_cast<char>((kind.final_frame ? k_fin : 0) | (kind.compressed ? k_rsv1 : 0) |
                                static_cast<unsigned>(kind.opcode));
  std::size_t length_bytes = 0;
  if (payload_length < 126) {
    bytes_[1] = static_cast<char>(payload_length);
  } else if (payload_length < 65'536) {
    bytes_[1] = 126;
    length_bytes = 2;
  } else {
    bytes_[1] = 127;
    length_bytes = 8;
  }
  for (std::size_t i = 0; i < length_bytes; ++i) {
    bytes_[1 + length_bytes - i] = static_cast<char>(payload_length >> (8 * i));
  }
  size_ = static_cast<std::uint8_t>(2 + length_bytes);
}

void append_frame(ByteBuffer& out, FrameKind kind, std::string_view payload) {
  const FrameHead head(kind, payload.size());
  char* const room = out.room_for(head.bytes().size() + payload.size());
  std::copy(payload.begin(), payload.end(),
            std::copy(head.bytes().begin(), head.bytes().end(), room));
  out.extend(head.bytes().size() + payload.size());
}

void append_close_frame(ByteBuffer& out, std::uint16_t code, std::string_view reason) {
  if (code == static_cast<std::uint16_t>(CloseCode::no_code)) {
    append_frame(out, {Opcode::close}, {});
    return;
  }
  assert(may_be_sent(code));
  std::size_t size = std::min(reason.size(), k_close_reason_max);
  while (size > 0 && size < reason.size() && continues_character(reason[size])) {
    --size;
  }
  std::array<char, k_control_payload_max> payload;
  payload[0] = static_cast<char>(code >> 8);
  payload[1] = static_cast<char>(code & 0xff);
  std::copy_n(reason.data(), size, payload.data() + 2);
  append_frame(out, {Opcode::close}, {payload.data(), size + 2});
}

}  // namespace uringcorn::http::ws
