// SPDX-License-Identifier: MIT
// How a session reads: frames, control frames, silence, and the end.
#include <exception>
#include <utility>

#include "http/ws/frame_writer.hpp"
#include "http/ws/session.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::ws {
namespace {

/// With more than this waiting to be sent, only the latest ping is answered, later.
constexpr std::size_t k_sent_ahead_of_pong = 16 * 1024;

}  // namespace

Task<void> Session::read_to_end() {
  try {
    co_await read_all();
  } catch (const std::exception& error) {
    observe::error("{} {}: the WebSocket ends because of: {}", head_.method_name, head_.target,
                   error.what());
    end_reading(static_cast<std::uint16_t>(CloseCode::internal_error), {});
  }
  transport_.release();
  assembler_.reset();
}

Task<void> Session::read_all() {
  while (!reading_over_) {
    transport_.set_receive_deadline(read_deadline());
    const Transport::Received received = co_await transport_.receive();
    if (received.status == net::IoStatus::timed_out) {
      take_silence();
    } else if (received.status != net::IoStatus::ok) {
      take_end(received.status);
    } else {
      ping_unanswered_ = false;
      std::span<char> bytes = received.bytes;
      take(bytes);
      if (!reading_over_ && inbox_.is_full()) {
        co_await take_when_there_is_room(bytes);
      }
    }
  }
}

Clock::time_point Session::read_deadline() const noexcept {
  switch (state_) {
    case State::opening:
    case State::open:
      return ping_unanswered_ ? pong_deadline_
                              : reactor::deadline_in(context_.settings.websocket_ping_interval);
    case State::closing:
      return close_deadline_;
    case State::lost:
      break;
  }
  return reactor::Reactor::current().now();
}

/// Takes bytes from the front, all of them unless the inbox is full.
void Session::take(std::span<char>& bytes) {
  while (!reading_over_ && !inbox_.is_full()) {
    FramePiece piece;
    switch (parser_->next(bytes, piece)) {
      case FrameParser::Status::more:
        return;
      case FrameParser::Status::failed: {
        const auto [code, sentence] = describe(parser_->error());
        end_reading(static_cast<std::uint16_t>(code), sentence);
        return;
      }
      case FrameParser::Status::piece:
        take_event(assembler_->take(piece));
        break;
    }
  }
}

/// The client waits until the handler has taken messages. What it has sent already stays in memory
/// of our own.
Task<void> Session::take_when_there_is_room(std::span<char> bytes) {
  ByteBuffer rest;
  rest.append({bytes.data(), bytes.size()});
  transport_.release();
  std::span<char> left(rest.data(), rest.size());
  while (!reading_over_ && inbox_.is_full()) {
    const bool has_room = co_await inbox_.room();
    if (!has_room) {
      take_end(net::IoStatus::cancelled);
      co_return;
    }
    take(left);
  }
}

void Session::take_event(MessageAssembler::Event event) {
  switch (event) {
    case MessageAssembler::Event::none:
    case MessageAssembler::Event::pong:
      break;
    case MessageAssembler::Event::message: {
      WebSocketMessage message{assembler_->take_message(), assembler_->is_text()};
      if (!handler_ended_) {
        inbox_.put(std::move(message));
      }
      break;
    }
    case MessageAssembler::Event::ping:
      answer_ping(assembler_->control_payload());
      break;
    case MessageAssembler::Event::close:
      end_reading(assembler_->close_code(), assembler_->close_reason());
      break;
    case MessageAssembler::Event::failed: {
      const auto [code, sentence] = describe(assembler_->error());
      end_reading(static_cast<std::uint16_t>(code), sentence);
      break;
    }
  }
}

void Session::answer_ping(std::string_view payload) {
  if (state_ != State::open) {
    return;
  }
  if (outbox_.pending() > k_sent_ahead_of_pong) {
    owed_pong_ = payload;
    pong_owed_ = true;
    return;
  }
  append_frame(outbox_.buffer(), {Opcode::pong}, payload);
  flush();
}

/// Nothing came up to the deadline.
void Session::take_silence() {
  if (state_ == State::open && !ping_unanswered_) {
    append_frame(outbox_.buffer(), {Opcode::ping}, {});
    ping_unanswered_ = true;
    pong_deadline_ = reactor::deadline_in(context_.settings.websocket_ping_timeout);
    flush();
    return;
  }
  if (state_ != State::lost) {
    observe::debug("{} {}: the WebSocket client is given up: {}", head_.method_name, head_.target,
                   state_ == State::open ? "it answers no ping" : "it does not close");
  }
  take_end(net::IoStatus::broken);
}

/// The connection is over, or the worker leaves at once.
void Session::take_end(net::IoStatus status) {
  if (status == net::IoStatus::cancelled) {
    begin_close(static_cast<std::uint16_t>(CloseCode::going_away), k_going_away);
  }
  reading_over_ = true;
  inbox_.wake();
  if (status != net::IoStatus::cancelled) {
    lose(status != net::IoStatus::end);
  }
}

/// The client said Close, or broke a rule. The Close that answers goes out when the handler has
/// seen all messages, or has had its time; at once if it does not look for any.
void Session::end_reading(std::uint16_t code, std::string_view reason) {
  reading_over_ = true;
  end_ = {code, std::string(reason)};
  reply_code_ = code;
  reply_reason_ = end_.reason;
  inbox_.wake();
  if (!handler_receives_ || handler_ended_) {
    begin_close(code, reason);
  }
}

}  // namespace uringcorn::http::ws
