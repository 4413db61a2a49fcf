// SPDX-License-Identifier: MIT
#include "http/ws/frame_error.hpp"

namespace uringcorn::http::ws {

FrameErrorDescription describe(FrameError error) noexcept {
  using enum CloseCode;
  switch (error) {
    case FrameError::none:
      break;
    case FrameError::reserved_bits:
      return {protocol_error, "a reserved bit is set that no extension defines"};
    case FrameError::reserved_opcode:
      return {protocol_error, "the opcode is reserved"};
    case FrameError::fragmented_control:
      return {protocol_error, "a control frame must not be fragmented"};
    case FrameError::control_too_long:
      return {protocol_error, "a control frame must not be longer than 125 bytes"};
    case FrameError::length_not_minimal:
      return {protocol_error, "the payload length is not in its shortest form"};
    case FrameError::length_out_of_range:
      return {protocol_error, "the payload length has its highest bit set"};
    case FrameError::not_masked:
      return {protocol_error, "a client must mask its frames"};
    case FrameError::frame_too_big:
      return {too_big, "the frame is too big"};
    case FrameError::unexpected_continuation:
      return {protocol_error, "a continuation without a message to continue"};
    case FrameError::unfinished_message:
      return {protocol_error, "a new message before the last one was finished"};
    case FrameError::message_too_big:
      return {too_big, "the message is too big"};
    case FrameError::invalid_utf8:
      return {invalid_data, "a text message must be UTF-8"};
    case FrameError::invalid_compression:
      return {invalid_data, "the compressed data is malformed"};
    case FrameError::invalid_close_payload:
      return {protocol_error, "a Close frame has no payload or at least two bytes"};
    case FrameError::invalid_close_code:
      return {protocol_error, "the close code is not one that may be sent"};
    case FrameError::invalid_close_reason:
      return {invalid_data, "a close reason must be UTF-8"};
  }
  return {internal_error, ""};
}

}  // namespace uringcorn::http::ws
