// SPDX-License-Identifier: MIT
#include "http/ws/message_assembler.hpp"

#include <algorithm>
#include <utility>

namespace uringcorn::http::ws {
namespace {

/// A client may announce a length and send nothing: more than this is not reserved on its word.
constexpr std::uint64_t k_reserved_max = 65'536;

}  // namespace

MessageAssembler::MessageAssembler(std::size_t message_limit,
                                   const std::optional<DeflateParameters>& compression)
    : message_limit_(message_limit) {
  if (compression) {
    client_keeps_context_ = !compression->client_no_context_takeover;
    client_window_bits_ = compression->client_max_window_bits.value_or(k_window_bits_max);
  }
}

MessageAssembler::Event MessageAssembler::take(const FramePiece& piece) {
  return is_control(piece.opcode) ? take_control(piece) : take_data(piece);
}

std::string MessageAssembler::take_message() noexcept {
  return std::exchange(message_, {});
}

std::string_view MessageAssembler::close_reason() const noexcept {
  const std::string_view payload = control_payload();
  return payload.substr(std::min<std::size_t>(2, payload.size()));
}

MessageAssembler::Event MessageAssembler::take_control(const FramePiece& piece) noexcept {
  if (piece.begins_frame) {
    control_size_ = 0;
  }
  std::copy(piece.payload.begin(), piece.payload.end(), control_.data() + control_size_);
  control_size_ = static_cast<std::uint8_t>(control_size_ + piece.payload.size());
  if (!piece.ends_frame) {
    return Event::none;
  }
  if (piece.opcode == Opcode::close) {
    return check_close();
  }
  return piece.opcode == Opcode::ping ? Event::ping : Event::pong;
}

MessageAssembler::Event MessageAssembler::check_close() noexcept {
  if (control_size_ == 0) {
    close_code_ = static_cast<std::uint16_t>(CloseCode::no_code);
    return Event::close;
  }
  if (control_size_ == 1) {
    return fail(FrameError::invalid_close_payload);
  }
  close_code_ = static_cast<std::uint16_t>(static_cast<unsigned char>(control_[0]) << 8 |
                                           static_cast<unsigned char>(control_[1]));
  if (!may_be_sent(close_code_)) {
    return fail(FrameError::invalid_close_code);
  }
  return is_utf8(close_reason()) ? Event::close : fail(FrameError::invalid_close_reason);
}

MessageAssembler::Event MessageAssembler::take_data(const FramePiece& piece) {
  if (piece.begins_frame && !begin_data_frame(piece)) {
    return Event::failed;
  }
  const std::string_view payload(piece.payload.data(), piece.payload.size());
  if (!append(payload, piece)) {
    return Event::failed;
  }
  if (!piece.ends_frame || !piece.final_frame) {
    return Event::none;
  }
  return end_message() ? Event::message : Event::failed;
}

bool MessageAssembler::begin_data_frame(const FramePiece& piece) {
  const bool continues = piece.opcode == Opcode::continuation;
  if (continues != in_message_) {
    fail(continues ? FrameError::unexpected_continuation : FrameError::unfinished_message);
    return false;
  }
  if (!continues) {
    begin_message(piece);
  }
  // Told by the length, before the payload comes.
  if (!is_compressed_ && piece.frame_length > message_limit_ - message_.size()) {
    fail(FrameError::message_too_big);
    return false;
  }
  return true;
}

void MessageAssembler::begin_message(const FramePiece& piece) {
  in_message_ = true;
  is_text_ = piece.opcode == Opcode::text;
  is_compressed_ = piece.compressed;
  message_.clear();
  utf8_.reset();
  if (is_compressed_ && !inflater_) {
    inflater_ = client_keeps_context_ ? std::make_unique<Inflater>(client_window_bits_)
                                      : Inflater::borrow();
  }
}

bool MessageAssembler::append(std::string_view payload, const FramePiece& piece) {
  const std::size_t size_before = message_.size();
  if (is_compressed_) {
    // The text first: what is told must not depend on how the bytes were cut.
    const Inflater::Result result = inflater_->inflate(payload, message_, message_limit_);
    return check_text(size_before) && inflated(result);
  }
  if (piece.begins_frame && !piece.ends_frame) {
    const std::uint64_t announced = std::min(piece.frame_length, k_reserved_max);
    message_.reserve(size_before + static_cast<std::size_t>(announced));
  }
  message_.append(payload);
  return check_text(size_before);
}

bool MessageAssembler::inflated(Inflater::Result result) noexcept {
  if (result == Inflater::Result::ok) {
    return true;
  }
  fail(result == Inflater::Result::too_big ? FrameError::message_too_big
                                           : FrameError::invalid_compression);
  return false;
}

bool MessageAssembler::end_message() {
  if (is_compressed_) {
    const std::size_t size_before = message_.size();
    const Inflater::Result result = inflater_->finish(message_, message_limit_);
    if (!check_text(size_before) || !inflated(result)) {
      return false;
    }
    if (!client_keeps_context_) {
      Inflater::give_back(std::move(inflater_));
    }
  }
  in_message_ = false;
  if (is_text_ && !utf8_.complete()) {
    fail(FrameError::invalid_utf8);
    return false;
  }
  return true;
}

bool MessageAssembler::check_text(std::size_t from) noexcept {
  if (!is_text_ || utf8_.feed(std::string_view(message_).substr(from))) {
    return true;
  }
  fail(FrameError::invalid_utf8);
  return false;
}

MessageAssembler::Event MessageAssembler::fail(FrameError error) noexcept {
  error_ = error;
  return Event::failed;
}

}  // namespace uringcorn::http::ws
