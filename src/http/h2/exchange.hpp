// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include <uringcorn/application.hpp>
#include <uringcorn/cancel.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "http/h2/head_builder.hpp"
#include "http/h2/incoming_body.hpp"
#include "http/h2/trailer_section.hpp"
#include "http/h2/worker_state.hpp"
#include "http/request_account.hpp"
#include "http/request_arena.hpp"
#include "reactor/event.hpp"

namespace uringcorn::http::ws {
class Session;
}  // namespace uringcorn::http::ws

namespace uringcorn::http::h2 {

class Session;

/// One stream: a request and its answer (RFC 9113 section 8.1), or a WebSocket. It is leased from
/// the worker when the stream is opened, and given back when the stream is closed and its coroutine
/// has ended.
///
/// The session tells it what comes (take_*) and asks it for what is to be sent (next_data(),
/// write_data()), from within nghttp2; none of these resumes a coroutine. run() is the coroutine,
/// in which the handler and the producer of a streamed body run.
class Exchange final : private detail::RequestChannel, private BodyWriter {
 public:
  explicit Exchange(WorkerState& worker);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() = default;

  /// Begins to work for the stream `id` of `session`, which outlives the lease.
  void open(Session& session, std::int32_t id);
  /// Ends that; nothing of it runs, and the session has forgotten it.
  void recycle() noexcept;

  std::int32_t id() const noexcept { return id_; }

  // ---- what comes

  /// A field of the head, or, once that has ended, of the trailer section.
  void take_field(std::string_view name, std::string_view value);
  /// The head has come; `ends_stream`: there is no body.
  void take_head(bool ends_stream);
  /// A piece of the body. False: the request is malformed (RFC 9113 section 8.1.1).
  bool take_data(std::string_view bytes);
  /// The body has ended, with or without trailers. False: the request is malformed.
  bool take_end();
  /// No more will come or go: what still runs is cancelled.
  void take_close() noexcept;
  /// The connection is of no use any more: the same, but that the stream stays in its list.
  void abandon() noexcept;

  /// True after take_head(): the request can be run.
  bool has_head() const noexcept { return has_head_; }
  bool is_closed() const noexcept { return closed_; }
  const std::optional<Priority>& priority() const noexcept { return builder_.priority(); }
  /// The uncompressed size of the head so far.
  std::size_t head_bytes() const noexcept { return builder_.list_bytes(); }

  // ---- its life

  /// Whether run() is to come, or has not ended; the session's to say.
  bool is_busy() const noexcept { return busy_; }
  void set_busy(bool busy) noexcept { busy_ = busy; }
  /// Where the session keeps it.
  std::size_t place() const noexcept { return place_; }
  void set_place(std::size_t place) noexcept { place_ = place; }

  /// From the end of the head until the answer was handed over: a streamed one until its producer
  /// has ended. Throws nothing.
  Task<void> run();

  // ---- what goes

  enum class Data : std::uint8_t { some, last, none_yet };
  struct Piece {
    Data data;
    std::size_t size;
  };
  /// How much of the answer's body is there to be sent, up to `size_max`.
  Piece next_data(std::size_t size_max) const noexcept;
  /// Trailer fields follow the last of it. Of an answer beside a handler, the handler's do not.
  bool has_trailers() const noexcept { return !client_is_freed_ && !answer_trailers_.empty(); }
  /// Lists them, for a frame that is made of the list at once.
  const std::vector<nghttp2_nv>& list_trailers();
  /// Appends so much of it to `out`.
  void write_data(ByteBuffer& out, std::size_t size);
  /// The frame that ends our side of the stream was sent.
  void answer_sent();
  /// The answer's head cannot be sent, for the reason that is given.
  void answer_failed(std::string_view reason);

 private:
  /// Calls a member function when it fires.
  class MemberTimer final : public detail::Timer {
   public:
    using Callback = void (Exchange::*)() noexcept;
    MemberTimer(Exchange& owner, Callback callback) noexcept : owner_(owner), callback_(callback) {}

   private:
    void on_timer() noexcept override { (owner_.*callback_)(); }

    Exchange& owner_;
    Callback callback_;
  };

  // The life of the request.
  Task<void> answer();
  void refuse(int status, std::string_view sentence);
  void request_time_is_over() noexcept;
  void free_client() noexcept;
  void body_is_late() noexcept;
  void answer_stands_still() noexcept;
  void rest_does_not_end() noexcept;
  void close_account(int status);
  bool is_abandoned() const noexcept;

  // The answer.
  void submit_answer(detail::Arena& arena);
  void submit_head(bool has_body, std::optional<std::uint64_t> length, detail::Arena& arena);
  void have_data() noexcept;
  Task<void> stream_body();
  void begin_stream();
  void finish_stream(const std::exception_ptr& error);
  void break_off(const std::exception_ptr& error);

  // A WebSocket instead of an answer (RFC 8441).
  class Tunnel;
  Task<bool> serve_websocket();
  void refuse_websocket(ws::Session& session);

  // detail::RequestChannel
  Task<std::string_view> read_body() override;
  Task<void> send_interim(int status, const Fields& fields) override;
  const Fields& trailers() const noexcept override { return trailers_.fields(); }
  detail::Arena& arena() noexcept override { return arena_; }
  CancelScope& scope() noexcept override { return *scope_; }
  std::size_t text_limit() const noexcept override { return settings().limit_request_text; }
  Task<void> wait_for_body();
  void send_continue();
  void begin_to_discard();
  void discard();

  // BodyWriter
  Task<void> write(std::string_view bytes) override;
  void keep_trailers(Fields fields) override { answer_trailers_ = std::move(fields); }
  Task<void> wait_until_drained();
  std::size_t unsent_bytes() const noexcept { return copied_.size() - copied_sent_ + lent_.size(); }

  const settings::Settings& settings() const noexcept { return worker_.settings(); }

  WorkerState& worker_;
  Session* session_ = nullptr;
  std::int32_t id_ = 0;
  std::size_t place_ = 0;
  std::optional<CancelScope> scope_;
  RequestArena arena_;
  RequestArena own_arena_;  // for an answer beside a handler, whose thread may be using the other
  RequestAccount account_;

  HeadBuilder builder_;
  HeadError head_error_ = HeadError::none;
  detail::RequestHead head_;
  std::optional<Request> request_;
  IncomingBody body_;
  TrailerSection trailers_;
  reactor::Event body_came_;

  std::optional<Response> response_;
  std::optional<RunningTask<void>> producer_;
  std::optional<std::uint64_t> announced_length_;
  ByteBuffer copied_;  // of the body that is to be sent, small pieces
  std::size_t copied_sent_ = 0;
  std::string_view lent_;  // what follows, where its owner has it
  Fields answer_trailers_;
  bool no_more_data_ = false;
  reactor::Event drained_;
  std::uint64_t body_bytes_sent_ = 0;
  Tunnel* tunnel_ = nullptr;  // from the acceptance of a WebSocket to its end

  MemberTimer request_timer_{*this, &Exchange::request_time_is_over};
  MemberTimer body_timer_{*this, &Exchange::body_is_late};
  MemberTimer stall_timer_{*this, &Exchange::answer_stands_still};
  MemberTimer rest_timer_{*this, &Exchange::rest_does_not_end};
  Clock::time_point progress_at_;

  std::size_t discarded_ = 0;  // of a body that nobody reads, behind the answer
  /// The code of the RST_STREAM that follows the answer, whatever becomes of the request's body.
  std::optional<std::uint32_t> reset_after_answer_;
  bool busy_ = false;
  bool has_head_ = false;
  bool head_submitted_ = false;
  bool answer_is_sent_ = false;
  bool continue_sent_ = false;
  bool timed_out_ = false;
  bool client_is_freed_ = false;  // it was told the end, while the handler still runs
  bool closed_ = false;
};

}  // namespace uringcorn::http::h2
