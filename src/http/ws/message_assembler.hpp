// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/utf8_validator.hpp"
#include "http/ws/deflate.hpp"
#include "http/ws/deflate_offer.hpp"
#include "http/ws/frame_error.hpp"
#include "http/ws/frame_parser.hpp"

namespace uringcorn::http::ws {

/// Makes messages of frames: joins fragments, lets control frames pass between them, inflates,
/// checks text and close codes (RFC 6455, sections 5.4, 5.5 and 8.1; RFC 7692, section 6). It holds
/// at most one message, of `message_limit` bytes after inflation.
class MessageAssembler {
 public:
  enum class Event : std::uint8_t {
    none,     ///< nothing is whole yet
    message,  ///< see is_text() and take_message()
    ping,     ///< see control_payload()
    pong,
    close,   ///< see close_code() and close_reason(); the client sends nothing more
    failed,  ///< see error(); nothing more can be taken
  };

  /// `message_limit` is less than 2^30.
  MessageAssembler(std::size_t message_limit, const std::optional<DeflateParameters>& compression);

  /// Takes the next piece. May throw std::bad_alloc.
  Event take(const FramePiece& piece);

  bool is_text() const noexcept { return is_text_; }
  /// The message that has just become whole, once.
  std::string take_message() noexcept;
  /// Of the Ping or Pong that was taken last; valid until the next take().
  std::string_view control_payload() const noexcept { return {control_.data(), control_size_}; }
  /// no_code when the client sent none.
  std::uint16_t close_code() const noexcept { return close_code_; }
  std::string_view close_reason() const noexcept;
  FrameError error() const noexcept { return error_; }

  /// The bytes of the message that is not whole yet.
  std::size_t held() const noexcept { return message_.size(); }

 private:
  Event take_control(const FramePiece& piece) noexcept;
  Event check_close() noexcept;
  Event take_data(const FramePiece& piece);
  bool begin_data_frame(const FramePiece& piece);
  void begin_message(const FramePiece& piece);
  bool append(std::string_view payload, const FramePiece& piece);
  bool inflated(Inflater::Result result) noexcept;
  bool end_message();
  bool check_text(std::size_t from) noexcept;
  Event fail(FrameError error) noexcept;

  std::size_t message_limit_;
  std::string message_;
  Utf8Validator utf8_;
  bool in_message_ = false;
  bool is_text_ = false;
  bool is_compressed_ = false;
  bool client_keeps_context_ = false;
  FrameError error_ = FrameError::none;
  int client_window_bits_ = k_window_bits_max;
  std::unique_ptr<Inflater> inflater_;

  std::array<char, k_control_payload_max> control_{};
  std::uint8_t control_size_ = 0;
  std::uint16_t close_code_ = 0;
};

}  // namespace uringcorn::http::ws
