// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include <uringcorn/cancel.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "http/h2/exchange.hpp"
#include "http/h2/flood_guard.hpp"
#include "http/h2/session_memory.hpp"
#include "http/h2/worker_state.hpp"
#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"
#include "reactor/event.hpp"

namespace uringcorn::http::h2 {

/// One HTTP/2 connection. nghttp2 frames, unframes, and keeps the states of the streams; what it
/// has to say comes through the callbacks. Here is who reads, who writes, and when it ends.
///
/// - One reader: run(). It takes what came, starts the requests in it, and sends what there is to
///   send, all in one go.
/// - One writer, a coroutine that runs when the socket was full, or when a stream has something to
///   say while the reader waits. Frames of all streams are gathered into one send.
/// - Each stream is a coroutine in a scope below the connection's (Exchange::run).
class Session {
 public:
  Session(net::Stream& stream, const net::Peer& peer, ServerContext& context, CancelScope& scope);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Speaks until the end of the connection. `received` came already.
  Task<void> run(std::string_view received);
  /// After run(): the client may still be sending, and must see the last frames all the same.
  bool may_linger() const noexcept { return !lost_; }

  // ---- for the streams

  ServerContext& context() const noexcept { return context_; }
  const net::Peer& peer() const noexcept { return peer_; }
  const net::Stream& stream() const noexcept { return stream_; }
  /// The scope below which streams have theirs.
  CancelScope& scope() noexcept { return exchanges_.scope(); }
  /// Nothing that streams say reaches the client any more.
  bool is_gone() const noexcept { return lost_ || terminated_; }

  void submit_interim(const Exchange& exchange, const std::vector<nghttp2_nv>& fields);
  void submit_answer(Exchange& exchange, const std::vector<nghttp2_nv>& fields, bool has_body);
  /// More frames wait for the client than should: see output_taken().
  bool is_full() const noexcept;
  /// Wait until some of them were sent, or never will be. False: the scope was cancelled.
  reactor::Event::Wait output_taken() noexcept {
    output_taken_.reset();
    return output_taken_.wait();
  }
  /// A stream that had nothing to send has.
  void resume(const Exchange& exchange);
  /// Ends a stream at once, by RST_STREAM.
  void reset(const Exchange& exchange, std::uint32_t error);
  /// The handler is done with so many bytes of the body: the peer may send as many more.
  void consumed(const Exchange& exchange, std::size_t bytes);

 private:
  friend struct Callbacks;

  struct Delete {
    void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
  };

  /// How far the connection is on the way to its orderly end (RFC 9113 section 6.8).
  enum class Shutdown : std::uint8_t {
    none,
    noticed,   ///< the first GOAWAY is out; requests that cross it are still served
    declared,  ///< the second one names the last request that is served
  };

  /// The data of the PING behind the first GOAWAY.
  static constexpr std::string_view k_shutdown_ping = "shutdown";
  /// After so long without a word from the client, its connection keeps only what it must.
  static constexpr std::chrono::seconds k_rest_after{1};

  // Reading.
  void begin();
  bool is_congested() const noexcept;
  void take_received(const net::Received& received);
  void take(std::string_view bytes);
  void start_exchanges();
  Task<void> run_exchange(Exchange& exchange);
  bool is_over() const noexcept;
  Task<void> end();

  // Deadlines.
  Clock::time_point next_deadline() const noexcept;
  void deadline_passed();
  void ping(std::string_view opaque);

  // Writing.
  void want_write() noexcept;
  void flush();
  bool gather(ByteBuffer& out);
  bool gathered_enough() const noexcept;
  Task<void> write();

  // The end.
  Task<void> shut_down_at_drain();
  void begin_shutdown();
  void declare_shutdown();
  void leave_at_once();
  void terminate(std::uint32_t error, std::string_view reason);
  void abandon_exchanges() noexcept;
  void spend(std::int64_t cost);
  void lose() noexcept;
  void check_result(int result);

  // What nghttp2 tells.
  void begin_stream(const nghttp2_frame& frame);
  void field_received(std::int32_t id, std::string_view name, std::string_view value);
  void frame_begun(const nghttp2_frame_hd& header);
  void check_stream(const nghttp2_frame_hd& header);
  void remember_reset(std::int32_t id);
  void frame_received(const nghttp2_frame& frame);
  void headers_received(const nghttp2_frame& frame);
  void ping_received(const nghttp2_frame& frame);
  void priority_update_received(const nghttp2_frame& frame);
  void data_received(std::int32_t id, std::string_view bytes);
  void request_ended(std::int32_t id);
  void frame_sent(const nghttp2_frame& frame);
  void frame_not_sent(const nghttp2_frame& frame, int error);
  void stream_closed(std::int32_t id, std::uint32_t error);
  void set_priority(const Exchange& exchange);
  Exchange* find(std::int32_t id) const noexcept;
  void release(Exchange& exchange) noexcept;

  net::Stream& stream_;
  const net::Peer& peer_;
  ServerContext& context_;
  const settings::Settings& settings_;
  WorkerState& worker_;
  SessionMemory memory_;
  std::unique_ptr<nghttp2_session, Delete> session_;

  CancelScope reading_;
  TaskGroup exchanges_;
  TaskGroup helpers_;
  std::vector<std::unique_ptr<Exchange>> open_;
  std::vector<Exchange*> starting_;
  std::vector<std::int32_t> prioritised_;  // streams that a PRIORITY_UPDATE came for, ahead of them

  std::vector<std::int32_t> reset_;  // streams that we reset lately: a ring
  std::size_t oldest_reset_ = 0;
  std::int32_t last_stream_ = 0;

  FloodGuard guard_;
  ByteBuffer output_;  // what the socket did not take
  ByteBuffer* gathering_ = nullptr;
  reactor::Event output_taken_;

  std::uint64_t requests_ = 0;
  Clock::time_point head_deadline_;      // of the head that is coming; max: none is
  Clock::time_point idle_deadline_;      // counts while no stream is open
  Clock::time_point settings_deadline_;  // until which ours must be acknowledged
  Clock::time_point ping_deadline_ = Clock::time_point::max();  // until which something must come
  Clock::time_point shutdown_deadline_ = Clock::time_point::max();
  Clock::time_point heard_at_;
  Clock::time_point rest_at_;  // when memory is given back that is of no use meanwhile
  Shutdown shutdown_ = Shutdown::none;
  bool taking_ = false;   // nghttp2 is being fed: the reader will flush
  bool writing_ = false;  // write() runs
  bool write_wanted_ = false;
  bool sending_ = false;  // output_ is the writer's
  bool terminated_ = false;
  bool leaving_ = false;  // the worker does not wait
  bool lost_ = false;
  bool ended_ = false;  // nothing is written any more
};

}  // namespace uringcorn::http::h2
