// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "http/ws/protocol.hpp"

namespace uringcorn::http::ws {

/// Why what a client sent is refused. Each has a close code and a sentence, given by `describe`.
enum class FrameError : std::uint8_t {
  none,
  // One frame.
  reserved_bits,
  reserved_opcode,
  fragmented_control,
  control_too_long,
  length_not_minimal,
  length_out_of_range,
  not_masked,
  frame_too_big,
  // The sequence of frames.
  unexpected_continuation,
  unfinished_message,
  message_too_big,
  // What they carry.
  invalid_utf8,
  invalid_compression,
  invalid_close_payload,
  invalid_close_code,
  invalid_close_reason,
};

struct FrameErrorDescription {
  CloseCode code;
  std::string_view sentence;
};

/// The code to close with, and a sentence, short enough for a Close frame, for the client and the
/// log. Not to be called with `none`.
FrameErrorDescription describe(FrameError error) noexcept;

}  // namespace uringcorn::http::ws
