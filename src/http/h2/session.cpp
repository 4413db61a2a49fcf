// SPDX-License-Identifier: MIT
#include "http/h2/session.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <utility>

#include "observe/log.hpp"
#include "reactor/next_turn.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h2 {
namespace {

using namespace std::chrono_literals;

/// Credit for the bodies of all streams together. It never is what stops a stream: credit for the
/// connection is given back as bytes come, that of a stream when they are read.
constexpr std::int32_t k_connection_windows = 16;
constexpr std::int64_t k_window_max = 0x7fff'ffff;
/// Frames are gathered up to this size before they are sent.
constexpr std::size_t k_gathered_bytes = 64 * 1024;
/// What one connection sends before the others have a turn.
constexpr std::size_t k_bytes_per_turn = 256 * 1024;
/// How long a client may take to hear the first GOAWAY, by which time it opens no more streams.
constexpr auto k_notice_time = 1s;
/// Frames that nghttp2 holds for a client that takes none, past which nothing is read from it.
constexpr std::size_t k_queued_frames_max = 1000;

constexpr std::string_view k_alive_ping{"alive\0\0\0", 8};

Clock::time_point now() noexcept {
  return reactor::Reactor::current().now();
}

const std::uint8_t* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

Session::Session(net::Stream& stream, const net::Peer& peer, ServerContext& context,
                 CancelScope& scope)
    : stream_(stream),
      peer_(peer),
      context_(context),
      settings_(context.settings),
      worker_(WorkerState::of(context)),
      memory_(worker_.frames()),
      reading_(scope),
      exchanges_(scope),
      helpers_(scope),
      guard_(now()),
      head_deadline_(reactor::deadline_in(settings_.request_head_timeout)),
      idle_deadline_(Clock::time_point::max()),
      settings_deadline_(reactor::deadline_in(settings_.http2_ack_timeout)),
      heard_at_(now()),
      rest_at_(Clock::time_point::max()) {
  nghttp2_session* session = nullptr;
  nghttp2_mem memory = memory_.functions();
  if (nghttp2_session_server_new3(&session, worker_.callbacks(), this, worker_.options(),
                                  &memory) != 0) {
    throw std::bad_alloc();
  }
  session_.reset(session);
}

Session::~Session() = default;

// ---- reading

Task<void> Session::run(std::string_view received) {
  std::exception_ptr error;
  try {
    begin();
    take(received);
    flush();
    while (!is_over()) {
      if (is_congested()) {
        co_await output_taken();
      } else {
        stream_.set_receive_deadline(next_deadline());
        const net::Received more = co_await stream_.receive().in(reading_);
        take_received(more);
      }
      flush();
    }
  } catch (...) {
    error = std::current_exception();
    lose();
  }
  co_await end();
  if (error) {
    std::rethrow_exception(error);
  }
}

/// The client takes nothing of what waits for it, so nothing more is taken from it.
bool Session::is_congested() const noexcept {
  return sending_ && is_full();
}

bool Session::is_full() const noexcept {
  return nghttp2_session_get_outbound_queue_size(session_.get()) > k_queued_frames_max;
}

void Session::begin() {
  const auto number = [](std::size_t value) { return static_cast<std::uint32_t>(value); };
  const std::array<nghttp2_settings_entry, 6> ours{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, number(settings_.http2_max_concurrent_streams)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, number(settings_.http2_initial_window_size)},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, number(settings_.http2_max_frame_size)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, number(settings_.http2_max_header_list_size)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  check_result(
      nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, ours.data(), ours.size()));
  const std::int64_t window = std::min<std::int64_t>(
      k_window_max,
      k_connection_windows * std::max<std::int64_t>(NGHTTP2_INITIAL_WINDOW_SIZE,
                                                    number(settings_.http2_initial_window_size)));
  check_result(nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                                     static_cast<std::int32_t>(window)));
  helpers_.spawn(shut_down_at_drain());
}

void Session::take_received(const net::Received& received) {
  switch (received.status) {
    case net::IoStatus::ok:
      take(received.buffer.bytes());
      break;
    case net::IoStatus::timed_out:
      deadline_passed();
      break;
    case net::IoStatus::cancelled:
      if (exchanges_.scope().cancelled()) {
        leave_at_once();
      }
      break;
    case net::IoStatus::end:
    case net::IoStatus::broken:
      lose();
      break;
  }
}

void Session::take(std::string_view bytes) {
  heard_at_ = now();
  rest_at_ = heard_at_ + k_rest_after;
  ping_deadline_ = Clock::time_point::max();
  taking_ = true;
  while (!bytes.empty() && !terminated_ && !lost_) {
    const ssize_t taken = nghttp2_session_mem_recv(session_.get(), bytes_of(bytes), bytes.size());
    if (taken < 0) {
      const bool is_flood = taken == NGHTTP2_ERR_FLOODED;
      terminate(is_flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR,
                nghttp2_strerror(static_cast<int>(taken)));
      break;
    }
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  start_exchanges();
  taking_ = false;
}

/// Runs what nghttp2 has told of. Not from within its callbacks: a handler may answer at once.
void Session::start_exchanges() {
  for (std::size_t i = 0; i < starting_.size(); ++i) {
    Exchange& exchange = *starting_[i];
    if (exchange.is_closed() || is_gone()) {
      exchange.set_busy(false);
      release(exchange);
      continue;
    }
    set_priority(exchange);
    exchanges_.spawn(run_exchange(exchange));
  }
  starting_.clear();
  const bool is_last_request = settings_.keep_alive.count() == 0 || context_.draining();
  if (requests_ > 0 && is_last_request) {
    begin_shutdown();
  }
}

Task<void> Session::run_exchange(Exchange& exchange) {
  try {
    co_await exchange.run();
  } catch (const std::exception& error) {
    observe::error("a stream from {} ends because of: {}", peer_.address(), error.what());
    reset(exchange, NGHTTP2_INTERNAL_ERROR);
  }
  exchange.set_busy(false);
  if (exchange.is_closed()) {
    release(exchange);
  }
}

bool Session::is_over() const noexcept {
  return lost_ || terminated_ || leaving_ ||
         (shutdown_ != Shutdown::noticed && nghttp2_session_want_read(session_.get()) == 0);
}

/// Ends what runs, and sees what is still to be said through.
Task<void> Session::end() {
  terminated_ = terminated_ || !leaving_;
  abandon_exchanges();
  co_await exchanges_.join();
  flush();
  while (sending_ && !lost_) {
    const bool was_taken = co_await output_taken();
    if (!was_taken) {
      lose();
    }
  }
  ended_ = true;
  helpers_.cancel();
  co_await helpers_.join();
  while (!open_.empty()) {
    release(*open_.back());
  }
}

// ---- deadlines

Clock::time_point Session::next_deadline() const noexcept {
  const Clock::time_point of_rest = open_.empty()                                ? idle_deadline_
                                    : ping_deadline_ != Clock::time_point::max() ? ping_deadline_
                                    : settings_.http2_ping_interval.count() > 0
                                        ? heard_at_ + settings_.http2_ping_interval
                                        : Clock::time_point::max();
  return std::min({head_deadline_, settings_deadline_, shutdown_deadline_, rest_at_, of_rest});
}

void Session::deadline_passed() {
  const Clock::time_point time = now();
  if (time >= rest_at_) {
    rest_at_ = Clock::time_point::max();
    memory_.rest();
  }
  if (time >= shutdown_deadline_) {
    declare_shutdown();
  } else if (time >= settings_deadline_) {
    terminate(NGHTTP2_SETTINGS_TIMEOUT, "it did not acknowledge our SETTINGS");
  } else if (time >= head_deadline_) {
    const bool is_untouched = requests_ == 0;
    terminate(is_untouched ? NGHTTP2_NO_ERROR : NGHTTP2_ENHANCE_YOUR_CALM,
              "a request head did not arrive in time");
  } else if (open_.empty()) {
    if (time >= idle_deadline_) {
      declare_shutdown();
    }
  } else if (time >= ping_deadline_) {
    observe::debug("a connection from {} is given up: it answers no PING", peer_.address());
    lose();
  } else if (settings_.http2_ping_interval.count() > 0 &&
             time >= heard_at_ + settings_.http2_ping_interval) {
    ping(k_alive_ping);
    ping_deadline_ = reactor::deadline_in(settings_.http2_ack_timeout);
  }
}

void Session::ping(std::string_view opaque) {
  check_result(nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, bytes_of(opaque)));
}

// ---- writing

/// The reader flushes by itself when it has taken what came.
void Session::want_write() noexcept {
  write_wanted_ = true;
  if (taking_ || writing_ || ended_) {
    return;
  }
  try {
    writing_ = true;
    helpers_.spawn(write());
  } catch (const std::bad_alloc&) {
    lose();
  }
}

/// Sends what can be sent without waiting; the rest is left to the writer.
void Session::flush() {
  std::size_t bytes_sent = 0;
  while (!sending_ && !lost_) {
    ByteBuffer& gathered = worker_.gathering();
    gathered.clear();
    if (!gather(gathered) || gathered.empty()) {
      break;
    }
    const std::ptrdiff_t sent = stream_.try_send(gathered.view());
    if (sent < 0) {
      lose();
      break;
    }
    const std::string_view rest = gathered.view().substr(static_cast<std::size_t>(sent));
    bytes_sent += static_cast<std::size_t>(sent);
    if (!rest.empty()) {
      output_.append(rest);
      sending_ = true;
      want_write();
    } else if (bytes_sent >= k_bytes_per_turn) {
      want_write();
      break;
    }
  }
  if (!sending_) {
    output_taken_.set();
  }
  if (is_over()) {
    reading_.cancel();
  }
}

/// Appends the next frames. False: the connection is of no use any more.
bool Session::gather(ByteBuffer& out) {
  gathering_ = &out;
  while (!gathered_enough()) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) {
      observe::debug("a connection from {} ends: {}", peer_.address(),
                     nghttp2_strerror(static_cast<int>(size)));
      lose();
      break;
    }
    if (size == 0) {
      break;
    }
    out.append({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  }
  gathering_ = nullptr;
  return !lost_;
}

bool Session::gathered_enough() const noexcept {
  return gathering_->size() >= k_gathered_bytes;
}

/// In the next turn, so that what other streams say by then goes with it.
Task<void> Session::write() {
  do {
    co_await reactor::NextTurn();
    write_wanted_ = false;
    if (sending_) {
      const net::IoStatus status = co_await stream_.send(output_.view(), settings_.write_timeout);
      output_.release();
      sending_ = false;
      if (status != net::IoStatus::ok) {
        lose();
      }
    }
    flush();
  } while (write_wanted_ && !lost_);
  writing_ = false;
}

// ---- the end

/// A worker that leaves tells its clients, so that they go elsewhere with what they ask next. One
/// that has asked nothing yet is served once: see start_exchanges().
Task<void> Session::shut_down_at_drain() {
  const bool is_draining = co_await context_.drain.wait();
  if (is_draining && requests_ > 0) {
    begin_shutdown();
    want_write();
  }
}

/// The first GOAWAY. A client that has answered the PING behind it has seen it, and opens no more
/// streams; what it opened before is served.
void Session::begin_shutdown() {
  if (shutdown_ != Shutdown::none || terminated_) {
    return;
  }
  shutdown_ = Shutdown::noticed;
  check_result(nghttp2_submit_shutdown_notice(session_.get()));
  ping(k_shutdown_ping);
  shutdown_deadline_ = now() + k_notice_time;
  stream_.set_receive_deadline(next_deadline());
}

void Session::declare_shutdown() {
  if (shutdown_ == Shutdown::declared || terminated_) {
    return;
  }
  shutdown_ = Shutdown::declared;
  shutdown_deadline_ = Clock::time_point::max();
  check_result(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                                     nghttp2_session_get_last_proc_stream_id(session_.get()),
                                     NGHTTP2_NO_ERROR, nullptr, 0));
}

/// The handlers were cancelled. What they still say, the Close of a WebSocket, goes out if it can
/// at once.
void Session::leave_at_once() {
  leaving_ = true;
  declare_shutdown();
}

void Session::terminate(std::uint32_t error, std::string_view reason) {
  if (std::exchange(terminated_, true)) {
    return;
  }
  observe::debug("a connection from {} ends ({}): {}", peer_.address(),
                 nghttp2_http2_strerror(error), reason);
  check_result(nghttp2_session_terminate_session(session_.get(), error));
  reading_.cancel();
}

void Session::spend(std::int64_t cost) {
  if (!guard_.spend(cost, now())) {
    terminate(NGHTTP2_ENHANCE_YOUR_CALM, "it sends frames that bring nothing forward");
  }
}

void Session::lose() noexcept {
  lost_ = true;
  abandon_exchanges();
  reading_.cancel();
  output_taken_.set();
}

void Session::abandon_exchanges() noexcept {
  for (const std::unique_ptr<Exchange>& exchange : open_) {
    exchange->abandon();
  }
}

void Session::check_result(int result) {
  if (nghttp2_is_fatal(result) != 0) {
    lose();
  }
}

}  // namespace uringcorn::http::h2
