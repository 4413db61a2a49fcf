// SPDX-License-Identifier: MIT
#include "http/ws/frame_parser.hpp"

#include <algorithm>
#include <cstring>

namespace uringcorn::http::ws {
namespace {

constexpr unsigned k_fin = 0x80;
constexpr unsigned k_rsv1 = 0x40;
constexpr unsigned k_rsv2_and_3 = 0x30;
constexpr unsigned k_masked = 0x80;
constexpr std::size_t k_first_bytes = 2;

}  // namespace

FrameParser::Status FrameParser::next(std::span<char>& input, FramePiece& piece) noexcept {
  if (!head_complete_ && !complete_head(input)) {
    return error_ == FrameError::none ? Status::more : Status::failed;
  }
  const std::uint64_t left = frame_length_ - payload_taken_;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, input.size()));
  if (size == 0 && left > 0) {
    return Status::more;
  }
  piece.opcode = opcode();
  piece.final_frame = (byte(0) & k_fin) != 0;
  piece.compressed = (byte(0) & k_rsv1) != 0;
  piece.begins_frame = payload_taken_ == 0;
  piece.ends_frame = size == left;
  piece.frame_length = frame_length_;
  piece.payload = input.first(size);
  input = input.subspan(size);
  apply_mask(piece.payload, mask_, payload_taken_);
  payload_taken_ += size;
  if (piece.ends_frame) {
    head_complete_ = false;
    head_size_ = 0;
  }
  return Status::piece;
}

/// Collects the head; gives whether it is whole. A head is refused as early as its bytes allow.
bool FrameParser::complete_head(std::span<char>& input) noexcept {
  if (error_ != FrameError::none || !take_head_bytes(input, k_first_bytes)) {
    return false;
  }
  error_ = check_first_bytes();
  const std::size_t length_end = k_first_bytes + extended_length_size();
  if (error_ != FrameError::none || !take_head_bytes(input, length_end)) {
    return false;
  }
  const std::uint64_t length = extended_length();
  error_ = check_length(length);
  if (error_ != FrameError::none || !take_head_bytes(input, length_end + k_mask_bytes)) {
    return false;
  }
  std::memcpy(mask_.data(), head_.data() + length_end, k_mask_bytes);
  frame_length_ = length;
  payload_taken_ = 0;
  head_complete_ = true;
  return true;
}

/// Gives whether the head now has `size` bytes.
bool FrameParser::take_head_bytes(std::span<char>& input, std::size_t size) noexcept {
  if (head_size_ >= size) {
    return true;
  }
  const std::size_t taken = std::min(size - head_size_, input.size());
  std::copy_n(input.data(), taken, head_.data() + head_size_);
  head_size_ = static_cast<std::uint8_t>(head_size_ + taken);
  input = input.subspan(taken);
  return head_size_ == size;
}

FrameError FrameParser::check_first_bytes() const noexcept {
  if (!is_known(opcode())) {
    return FrameError::reserved_opcode;
  }
  // Only the first frame of a message says whether it is compressed (RFC 7692, section 6).
  const bool may_be_compressed =
      allow_compression_ && (opcode() == Opcode::text || opcode() == Opcode::binary);
  if ((byte(0) & k_rsv2_and_3) != 0 || ((byte(0) & k_rsv1) != 0 && !may_be_compressed)) {
    return FrameError::reserved_bits;
  }
  if ((byte(1) & k_masked) == 0) {
    return FrameError::not_masked;
  }
  if (is_control(opcode())) {
    if ((byte(0) & k_fin) == 0) {
      return FrameError::fragmented_control;
    }
    if (short_length() > k_control_payload_max) {
      return FrameError::control_too_long;
    }
  }
  return FrameError::none;
}

std::uint64_t FrameParser::extended_length() const noexcept {
  if (extended_length_size() == 0) {
    return short_length();
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < extended_length_size(); ++i) {
    length = length << 8 | byte(k_first_bytes + i);
  }
  return length;
}

FrameError FrameParser::check_length(std::uint64_t length) const noexcept {
  const std::size_t size = extended_length_size();
  if (length >> 63 != 0) {
    return FrameError::length_out_of_range;
  }
  if ((size == 2 && length < 126) || (size == 8 && length < 65'536)) {
    return FrameError::length_not_minimal;
  }
  if (!is_control(opcode()) && length > frame_limit_) {
    return FrameError::frame_too_big;
  }
  return FrameError::none;
}

}  // namespace uringcorn::http::ws
