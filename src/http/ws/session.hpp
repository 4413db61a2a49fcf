// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>
#include <uringcorn/websocket.hpp>

#include "base/byte_buffer.hpp"
#include "http/server_context.hpp"
#include "http/ws/deflate.hpp"
#include "http/ws/deflate_offer.hpp"
#include "http/ws/frame_parser.hpp"
#include "http/ws/frame_writer.hpp"
#include "http/ws/inbox.hpp"
#include "http/ws/message_assembler.hpp"
#include "http/ws/outbox.hpp"
#include "http/ws/transport.hpp"
#include "reactor/event.hpp"
#include "reactor/latch.hpp"

namespace uringcorn::http::ws {

/// The reason of the Close of a worker that leaves.
inline constexpr std::string_view k_going_away = "the server is going away";

/// One WebSocket, from the start of its handler to the end of both.
///
/// The coroutine of the connection is the one that reads: it takes frames apart, answers pings and
/// keeps messages for the handler, which runs beside it in a scope of its own. Everything that is
/// to be sent goes through the outbox. The close is in order: a client that says Close gets ours
/// when the handler has seen all that came before.
class Session final : public detail::WebSocketChannel {
 public:
  /// `answer` has an upgrade(). The handler runs in `handler_scope`, everything else in `scope`,
  /// which is above it. All references must outlive the session.
  Session(Transport& transport, ServerContext& context, Request& request, const Response& answer,
          CancelScope& handler_scope, CancelScope& scope) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Starts the handler, which may decide and even end there and then.
  void start();
  /// Await it: the handler has accepted, or it has ended without.
  reactor::Latch& decision() noexcept { return decision_; }
  bool is_accepted() const noexcept { return state_ != State::opening; }
  /// Of one that is not accepted: what the handler threw, or else its answer.
  const std::exception_ptr& error() const noexcept { return error_; }
  Response& refusal() noexcept { return *refusal_; }

  /// Of one that is accepted: reads until the end, closes, and waits for the handler. Throws
  /// nothing.
  Task<void> run();
  /// Of all messages' payloads.
  std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

 private:
  enum class State : std::uint8_t {
    opening,  ///< the handler has not decided
    open,
    closing,  ///< our Close is on its way, or sent: nothing may follow it
    lost,     ///< the client is gone, or given up
  };

  /// Answers the client's Close in place of a handler that is slow to look for the end.
  class CloseReply final : public detail::Timer {
   public:
    explicit CloseReply(Session& session) noexcept : session_(session) {}

   private:
    void on_timer() noexcept override;

    Session& session_;
  };

  // detail::WebSocketChannel
  void accept(WebSocketAcceptance acceptance) override;
  void accept_unless_accepted() override;
  void reject(Response response) override;
  Task<std::optional<WebSocketMessage>> receive() override;
  Task<void> send(std::string_view data, bool is_text) override;
  void close(std::uint16_t code, std::string_view reason) override;
  bool offer(std::string_view data, bool is_text) override;
  bool is_open() const noexcept override { return state_ == State::open; }
  std::vector<std::string_view> offered_protocols() const override;
  std::string_view protocol() const noexcept override { return protocol_; }
  const WebSocketEnd& end() const noexcept override { return end_; }

  // The handshake and the handler.
  std::string choose_protocol(const std::optional<std::string>& wanted) const;
  Task<void> run_handler();
  void end_handler(const std::exception_ptr& error);
  std::uint16_t code_for(const std::exception_ptr& error);

  // Reading.
  Task<void> read_all();
  Task<void> read_to_end();
  Clock::time_point read_deadline() const noexcept;
  void take(std::span<char>& bytes);
  Task<void> take_when_there_is_room(std::span<char> bytes);
  void take_event(MessageAssembler::Event event);
  void answer_ping(std::string_view payload);
  void take_end(net::IoStatus status);
  void take_silence();
  void end_reading(std::uint16_t code, std::string_view reason);

  // Sending.
  void require_open() const;
  Task<void> send_in_turn(Opcode opcode, std::string_view data);
  Task<void> send_in_fragments(FrameKind kind, std::string_view payload);
  Task<void> wait_until_sent();
  bool is_compressed(std::string_view data) const noexcept;
  void compress(std::string_view data, ByteBuffer& out);
  void append_message(Opcode opcode, std::string_view data);
  void flush();
  void flush_soon();
  Task<void> send_rest(bool in_next_turn);

  // The end.
  void begin_close(std::uint16_t code, std::string_view reason);
  void lose(bool abort);
  Task<void> close_at_drain();
  Task<void> join_tasks();

  Transport& transport_;
  ServerContext& context_;
  Request& request_;
  const detail::RequestHead& head_;
  const Response& answer_;
  CancelScope& handler_scope_;
  CancelScope drain_scope_;
  TaskGroup tasks_;

  State state_ = State::opening;
  bool handler_ended_ = false;
  bool handler_receives_ = false;
  bool reading_over_ = false;
  bool in_message_ = false;  // fragments of one are being sent: no other may come between
  bool ping_unanswered_ = false;
  bool pong_owed_ = false;
  bool abort_ = false;

  reactor::Latch decision_;
  std::optional<RunningTask<void>> handler_;
  std::exception_ptr error_;
  std::optional<Response> refusal_;
  std::string protocol_;

  std::optional<FrameParser> parser_;
  std::optional<MessageAssembler> assembler_;
  Inbox inbox_;
  Clock::time_point pong_deadline_;
  Clock::time_point close_deadline_;

  Outbox outbox_;
  ByteBuffer held_back_;  // messages of groups that came while in_message_
  reactor::Event message_sent_;
  std::optional<DeflateParameters> compression_;
  std::unique_ptr<Deflater> deflater_;
  std::string owed_pong_;
  std::uint64_t bytes_sent_ = 0;

  reactor::Latch closing_;
  WebSocketEnd end_;
  // What our Close says when the handler has seen everything.
  std::uint16_t reply_code_ = static_cast<std::uint16_t>(CloseCode::normal);
  std::string_view reply_reason_;
};

}  // namespace uringcorn::http::ws
