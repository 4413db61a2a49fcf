// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include <uringcorn/application.hpp>
#include <uringcorn/cancel.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "http/h1/head_parser.hpp"
#include "http/h1/input.hpp"
#include "http/h1/output.hpp"
#include "http/h1/request_body.hpp"
#include "http/h1/response_writer.hpp"
#include "http/h1/worker_state.hpp"
#include "http/request_account.hpp"
#include "http/request_arena.hpp"
#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"

namespace uringcorn::http::ws {
class Session;
}

namespace uringcorn::http::h1 {

/// How a connection ends.
enum class Ending : std::uint8_t {
  none,    ///< it goes on
  plain,   ///< everything was said and heard
  linger,  ///< the client may still send, and must see the last answer all the same
  reset,   ///< the client must not take what it got for the whole, or takes nothing any more
};

/// What remains of a connection while it is idle.
struct ConnectionState {
  net::Stream& stream;
  const net::Peer& peer;
  ServerContext& context;
  WorkerState& worker;
  CancelScope& scope;
  /// When the head that is being received must be complete; max: none is, or it may take its time.
  Clock::time_point head_deadline = Clock::time_point::max();
  std::uint64_t requests = 0;
  Ending ending = Ending::none;
};

/// What a connection needs while it is not idle: memory and state for one request after the other.
/// It is leased from the worker when bytes come and given back when the last answer is sent.
///
/// advance() does all that can be done without waiting, for as many requests as have come; only
/// when something must be waited for does run() make a coroutine of it. The handler is started
/// inline and may end there and then. If it suspends, the output so far is sent and a receive is
/// kept pending: bytes that it brings are kept for later, its end means that the client is gone,
/// and the scope of the request is cancelled.
class Exchange final : private detail::RequestChannel,
                       private BodyWriter,
                       private net::ReceiveWatcher,
                       private detail::Timer {
 public:
  /// What has to be waited for before advance() can go on.
  enum class Progress : std::uint8_t {
    idle,          ///< nothing: everything that came is answered, the exchange may be given back
    head,          ///< more of a request head
    output,        ///< the client, to take answers
    handler,       ///< the handler
    large_body,    ///< the client, to take a body that is not copied
    stream,        ///< the producer of the body
    websocket,     ///< the WebSocket that the answer opens
    request_body,  ///< the rest of a request body that nobody read
    closed,        ///< nothing: the connection ends, see ConnectionState::ending
  };

  explicit Exchange(WorkerState& worker);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() override = default;

  /// Begins to work for `connection`, which outlives the lease.
  void begin(ConnectionState& connection);
  /// Ends that, after idle or closed.
  void end() noexcept;

  /// Takes received bytes.
  void receive(std::string_view bytes);
  /// Goes on until something must be waited for.
  Progress advance();
  /// Waits and goes on until the outcome is idle or closed, from `progress` on.
  Task<void> run(Progress progress);

 private:
  /// What comes next in the life of a request.
  enum class Phase : std::uint8_t { head, handler, answer, rest };

  Task<void> flush_or_close();

  // The request head.
  std::optional<Progress> read_head();
  std::optional<Progress> wait_for_head();
  Task<void> receive_head();
  void take_head();

  // The life of a request.
  void begin_request();
  void leave_request(int status);
  void end_request() noexcept;
  void refuse(int status, std::string_view sentence);

  // The handler.
  void start_handler();
  Task<void> wait_for_handler();
  void take_answer();
  void answer_exception(const std::exception_ptr& error);
  void abandon_request();
  void watch_client();
  void take_ahead(const net::Received& received) noexcept;
  void lose_client() noexcept;
  void free_client() noexcept;
  void end_without_client();

  // The answer.
  FramingContext framing_context() const noexcept;
  bool may_keep_alive() const noexcept;
  std::optional<Progress> send_answer();
  void write_head();
  Task<void> send_large_body();
  void end_answer();
  Task<void> stream_body();
  Task<void> wait_for_producer();
  void begin_stream();
  void finish_stream(const std::exception_ptr& error);
  void break_off(const std::exception_ptr& error);

  // A WebSocket instead of an answer.
  class UpgradedStream;
  Task<void> serve_websocket();
  void refuse_websocket(ws::Session& session);
  bool take_unread(ByteBuffer& bytes);

  // After the answer.
  std::optional<Progress> discard_rest();
  Task<void> receive_rest();

  // detail::RequestChannel
  Task<std::string_view> read_body() override;
  Task<void> send_interim(int status, const Fields& fields) override;
  const Fields& trailers() const noexcept override { return body_.trailers(); }
  detail::Arena& arena() noexcept override { return arena_; }
  CancelScope& scope() noexcept override { return *scope_; }
  std::size_t text_limit() const noexcept override { return settings().limit_request_text; }
  Task<void> send_continue();
  Task<void> receive_body();
  Task<void> flush_or_throw();
  [[noreturn]] void throw_body_error() const;

  // BodyWriter
  Task<void> write(std::string_view bytes) override;
  void keep_trailers(Fields fields) override { trailers_ = std::move(fields); }

  // net::ReceiveWatcher
  void receive_ready(net::IoStatus status) noexcept override;
  // detail::Timer: the time of the request is over.
  void on_timer() noexcept override;

  const settings::Settings& settings() const noexcept { return connection_->context.settings; }

  WorkerState& worker_;
  ConnectionState* connection_ = nullptr;
  std::optional<CancelScope> scope_;

  Input input_;
  Output output_;
  HeadParser parser_;
  RequestArena arena_;
  RequestBody body_;

  Phase phase_ = Phase::head;
  RequestFacts facts_;
  detail::RequestHead head_;
  std::optional<Request> request_;
  std::optional<RunningTask<Response>> handler_;
  std::optional<Response> response_;
  std::optional<RunningTask<void>> producer_;
  ResponseFraming framing_;
  Fields trailers_;  // of the answer
  std::uint64_t body_bytes_sent_ = 0;
  std::uint64_t rest_discarded_ = 0;
  std::size_t bytes_this_turn_ = 0;  // that a producer wrote without waiting
  RequestAccount account_;
  bool head_written_ = false;
  bool is_answered_without_handler_ = false;
  bool continue_sent_ = false;
  bool receiving_body_ = false;
  bool client_gone_ = false;
  bool timed_out_ = false;
};

}  // namespace uringcorn::http::h1
