// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "http/ws/frame_error.hpp"
#include "http/ws/masking.hpp"
#include "http/ws/protocol.hpp"

namespace uringcorn::http::ws {

/// A piece of a frame from a client: as much of its payload as has come. A frame without a payload
/// is one empty piece.
struct FramePiece {
  Opcode opcode = Opcode::continuation;
  bool final_frame = false;  ///< FIN: the last frame of its message
  bool compressed = false;   ///< RSV1 (RFC 7692, section 6)
  bool begins_frame = false;
  bool ends_frame = false;
  std::uint64_t frame_length = 0;  ///< of the whole payload
  std::span<char> payload;         ///< unmasked; in the memory that was parsed
};

/// Cuts what a client sends into frames (RFC 6455, section 5.2), as it comes, however it was split.
/// It keeps no payload: a piece refers to the bytes that it was parsed from, which are unmasked in
/// place. It checks what one frame can be checked for; the MessageAssembler does the rest.
class FrameParser {
 public:
  enum class Status : std::uint8_t {
    piece,   ///< a piece was taken from the front of the input
    more,    ///< the input is used up
    failed,  ///< see error(); nothing more can be parsed
  };

  /// A payload longer than `frame_limit` is refused by its length, before it comes. Without
  /// `allow_compression`, RSV1 is refused.
  FrameParser(std::uint64_t frame_limit, bool allow_compression) noexcept
      : frame_limit_(frame_limit), allow_compression_(allow_compression) {}

  /// Takes bytes from the front of `input`: at most up to the end of one frame.
  Status next(std::span<char>& input, FramePiece& piece) noexcept;

  FrameError error() const noexcept { return error_; }

 private:
  static constexpr std::size_t k_head_max = 2 + 8 + k_mask_bytes;

  bool complete_head(std::span<char>& input) noexcept;
  bool take_head_bytes(std::span<char>& input, std::size_t size) noexcept;
  FrameError check_first_bytes() const noexcept;
  FrameError check_length(std::uint64_t length) const noexcept;
  std::uint64_t extended_length() const noexcept;

  Opcode opcode() const noexcept { return static_cast<Opcode>(byte(0) & 0x0fu); }
  unsigned byte(std::size_t at) const noexcept { return static_cast<unsigned char>(head_[at]); }
  unsigned short_length() const noexcept { return byte(1) & 0x7fu; }
  std::size_t extended_length_size() const noexcept {
    return short_length() < 126 ? 0 : short_length() == 126 ? 2 : 8;
  }

  std::uint64_t frame_limit_;
  std::uint64_t frame_length_ = 0;
  std::uint64_t payload_taken_ = 0;
  std::array<char, k_head_max> head_{};
  MaskingKey mask_{};
  std::uint8_t head_size_ = 0;
  bool head_complete_ = false;
  bool allow_compression_;
  FrameError error_ = FrameError::none;
};

}  // namespace uringcorn::http::ws
