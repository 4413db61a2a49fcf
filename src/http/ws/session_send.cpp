// SPDX-License-Identifier: MIT
// How a session sends: messages, in fragments if they are long, compressed if that was agreed upon.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/utf8_validator.hpp"
#include "http/ws/frame_writer.hpp"
#include "http/ws/session.hpp"
#include "reactor/next_turn.hpp"

namespace uringcorn::http::ws {
namespace {

/// So much may wait to be sent before a sender waits, too.
constexpr std::size_t k_sent_ahead_max = 64 * 1024;
/// Longer messages are sent in fragments of this size, so that control frames can come between, and
/// no more than this is copied at a time.
constexpr std::size_t k_fragment_bytes = 64 * 1024;
/// Answers to messages that came together are gathered up to this size.
constexpr std::size_t k_gathered_bytes = 16 * 1024;
/// Shorter messages would hardly become shorter.
constexpr std::size_t k_compressed_from = 128;
/// zlib counts in 32 bits.
constexpr std::size_t k_compressed_to = std::size_t{1} << 30;

}  // namespace

void Session::require_open() const {
  if (state_ != State::open) {
    throw WebSocketClosed();
  }
}

Task<void> Session::send(std::string_view data, bool is_text) {
  accept_unless_accepted();
  require_open();
  if (is_text && !is_utf8(data)) {
    throw std::invalid_argument("a text message must be UTF-8");
  }
  const Opcode opcode = is_text ? Opcode::text : Opcode::binary;
  if (in_message_ || data.size() > k_fragment_bytes) {
    co_await send_in_turn(opcode, data);
  } else {
    append_message(opcode, data);
  }
  if (outbox_.pending() > k_sent_ahead_max) {
    co_await wait_until_sent();
  }
}

/// Sends what cannot be appended as one frame now.
Task<void> Session::send_in_turn(Opcode opcode, std::string_view data) {
  while (in_message_) {
    message_sent_.reset();
    const bool is_sent = co_await message_sent_.wait();
    if (!is_sent) {
      throw Cancelled();
    }
    require_open();
  }
  if (!is_compressed(data)) {
    co_await send_in_fragments({opcode}, data);
  } else {
    ByteBuffer compressed;
    compress(data, compressed);
    co_await send_in_fragments({opcode, true}, compressed.view());
  }
  bytes_sent_ += data.size();
}

Task<void> Session::send_in_fragments(FrameKind kind, std::string_view payload) {
  in_message_ = true;
  try {
    do {
      const std::string_view fragment = payload.substr(0, k_fragment_bytes);
      payload.remove_prefix(fragment.size());
      kind.final_frame = payload.empty();
      append_frame(outbox_.buffer(), kind, fragment);
      flush();
      co_await wait_until_sent();
      kind = {Opcode::continuation};
    } while (!payload.empty());
  } catch (...) {
    // The client waits for the rest of a message that will not come.
    begin_close(static_cast<std::uint16_t>(CloseCode::internal_error), "a message was cut off");
    throw;
  }
  in_message_ = false;
  message_sent_.set();
  outbox_.buffer().append(held_back_.view());
  held_back_.release();
  flush();
}

/// Waits until not much is left to be sent.
Task<void> Session::wait_until_sent() {
  while (outbox_.pending() > k_sent_ahead_max) {
    const bool is_alive = co_await outbox_.progress();
    if (!is_alive) {
      throw Cancelled();
    }
  }
  if (state_ == State::lost || (in_message_ && state_ != State::open)) {
    throw WebSocketClosed();
  }
}

/// Appends a whole message, and sends it unless more are likely to follow at once.
void Session::append_message(Opcode opcode, std::string_view data) {
  if (is_compressed(data)) {
    ByteBuffer compressed;
    compress(data, compressed);
    append_frame(outbox_.buffer(), {opcode, true}, compressed.view());
  } else {
    append_frame(outbox_.buffer(), {opcode}, data);
  }
  bytes_sent_ += data.size();
  if (inbox_.empty() || outbox_.pending() > k_gathered_bytes) {
    flush();
  } else {
    flush_soon();
  }
}

bool Session::is_compressed(std::string_view data) const noexcept {
  return compression_ && data.size() >= k_compressed_from && data.size() <= k_compressed_to;
}

void Session::compress(std::string_view data, ByteBuffer& out) {
  const int window_bits = compression_->server_max_window_bits.value_or(k_window_bits_max);
  if (compression_->server_no_context_takeover) {
    Deflater& deflater = Deflater::shared(window_bits);
    deflater.compress(data, out);
    deflater.forget();
    return;
  }
  if (!deflater_) {
    deflater_ = std::make_unique<Deflater>(window_bits, k_context_memory_level);
  }
  deflater_->compress(data, out);
}

bool Session::offer(std::string_view data, bool is_text) {
  if (state_ != State::open) {
    return true;
  }
  const std::size_t pending = outbox_.pending() + held_back_.size();
  if (pending > 0 && pending + data.size() > context_.settings.websocket_queue) {
    return false;
  }
  // Not compressed: a group would cost the worker that once a member.
  append_frame(in_message_ ? held_back_ : outbox_.buffer(),
               {is_text ? Opcode::text : Opcode::binary}, data);
  bytes_sent_ += data.size();
  if (!in_message_) {
    flush();
  }
  return true;
}

void Session::flush() {
  if (outbox_.has_sender()) {
    return;
  }
  if (!outbox_.try_send()) {
    outbox_.set_has_sender();
    tasks_.spawn(send_rest(false));
  } else if (outbox_.failed()) {
    lose(true);
  }
}

void Session::flush_soon() {
  if (!outbox_.has_sender()) {
    outbox_.set_has_sender();
    tasks_.spawn(send_rest(true));
  }
}

Task<void> Session::send_rest(bool in_next_turn) {
  if (in_next_turn) {
    co_await reactor::NextTurn();
  }
  co_await outbox_.send_all();
  if (outbox_.failed()) {
    lose(true);
  } else if (std::exchange(pong_owed_, false)) {
    answer_ping(owed_pong_);
  }
}

}  // namespace uringcorn::http::ws
