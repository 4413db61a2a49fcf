// SPDX-License-Identifier: MIT
// How an exchange becomes a WebSocket (RFC 8441): the answer 200, and the stream as its transport.
#include <cerrno>
#include <iterator>
#include <new>
#include <optional>
#include <utility>

#include "http/h2/exchange.hpp"
#include "http/h2/session.hpp"
#include "http/handler_outcome.hpp"
#include "http/lingering.hpp"
#include "http/ws/session.hpp"
#include "http/ws/transport.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h2 {
namespace {

constexpr int k_tunnel_is_open = 200;
/// What is taken to be sent before the stream has room for it; past it, the sender waits.
constexpr std::size_t k_sent_ahead_max = 16 * 1024;

}  // namespace

/// The stream, from the answer 200 on. Both directions are bound by its windows: what the client
/// sends waits here until it is received, and only then is there credit for more.
class Exchange::Tunnel final : public ws::Transport, private detail::Timer {
 public:
  explicit Tunnel(Exchange& exchange) noexcept : exchange_(exchange) {}
  ~Tunnel() override { exchange_.tunnel_ = nullptr; }

  void open(Fields fields, ByteBuffer& out) override;

  Task<Received> receive() override;
  void release() noexcept override { exchange_.body_.release(); }
  void set_receive_deadline(Clock::time_point deadline) noexcept override;

  std::ptrdiff_t try_send(std::string_view bytes) noexcept override;
  Task<net::IoStatus> send(std::string_view bytes, Clock::duration stall_timeout) override;

  Task<void> end() override;
  void abort() noexcept override { exchange_.session_->reset(exchange_, NGHTTP2_CANCEL); }

  /// The stream was closed, or its connection is of no use any more: whoever waits learns of it.
  void wake() noexcept {
    exchange_.body_came_.set();
    exchange_.drained_.set();
  }
  /// Ends our side, if that was not done.
  void finish() noexcept;

 private:
  bool is_gone() const noexcept { return exchange_.closed_ || exchange_.session_->is_gone(); }
  void on_timer() noexcept override;
  void give_credit();
  Task<net::IoStatus> wait_until_drained();

  Exchange& exchange_;
  std::size_t owed_credit_ = 0;  // for what receive() gave last
  bool is_late_ = false;
};

void Exchange::Tunnel::open(Fields fields, ByteBuffer&) {
  if (exchange_.timed_out_ || exchange_.is_abandoned()) {
    throw Cancelled();
  }
  exchange_.tunnel_ = this;
  // The request is answered: its time no longer runs.
  exchange_.request_timer_.disarm();
  exchange_.response_.emplace(k_tunnel_is_open);
  exchange_.response_->fields() = std::move(fields);
  exchange_.submit_head(true, std::nullopt, exchange_.arena_);
}

Task<ws::Transport::Received> Exchange::Tunnel::receive() {
  IncomingBody& incoming = exchange_.body_;
  give_credit();
  for (;;) {
    const std::string_view bytes = incoming.next();
    if (!bytes.empty()) {
      owed_credit_ = bytes.size();
      co_return Received{net::IoStatus::ok, incoming.last()};
    }
    if (is_gone()) {
      co_return Received{net::IoStatus::broken, {}};
    }
    if (incoming.ended()) {
      co_return Received{net::IoStatus::end, {}};
    }
    if (std::exchange(is_late_, false)) {
      co_return Received{net::IoStatus::timed_out, {}};
    }
    incoming.release();
    exchange_.body_came_.reset();
    const bool came = co_await exchange_.body_came_.wait();
    if (!came) {
      co_return Received{net::IoStatus::cancelled, {}};
    }
  }
}

void Exchange::Tunnel::set_receive_deadline(Clock::time_point deadline) noexcept {
  is_late_ = false;
  if (deadline == Clock::time_point::max()) {
    disarm();
  } else {
    arm(deadline);
  }
}

void Exchange::Tunnel::on_timer() noexcept {
  is_late_ = true;
  exchange_.body_came_.set();
}

void Exchange::Tunnel::give_credit() {
  if (owed_credit_ > 0) {
    exchange_.session_->consumed(exchange_, std::exchange(owed_credit_, 0));
  }
}

/// All or nothing: what is in the way of many bytes is worth no copy.
std::ptrdiff_t Exchange::Tunnel::try_send(std::string_view bytes) noexcept {
  if (is_gone()) {
    return -ECONNRESET;
  }
  if (!exchange_.lent_.empty() || exchange_.unsent_bytes() + bytes.size() > k_sent_ahead_max) {
    return 0;
  }
  try {
    exchange_.copied_.append(bytes);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
  exchange_.have_data();
  return std::ssize(bytes);
}

/// The exchange itself resets a stream that takes nothing for write-timeout, which is what the
/// sender says, too.
Task<net::IoStatus> Exchange::Tunnel::send(std::string_view bytes, Clock::duration) {
  net::IoStatus status = co_await wait_until_drained();
  if (status != net::IoStatus::ok) {
    co_return status;
  }
  exchange_.lent_ = bytes;
  exchange_.have_data();
  status = co_await wait_until_drained();
  if (status != net::IoStatus::ok) {
    // It goes with its owner, so nothing can follow.
    exchange_.lent_ = {};
    abort();
  }
  co_return status;
}

Task<net::IoStatus> Exchange::Tunnel::wait_until_drained() {
  for (;;) {
    if (is_gone()) {
      co_return net::IoStatus::broken;
    }
    if (exchange_.unsent_bytes() == 0) {
      co_return net::IoStatus::ok;
    }
    exchange_.drained_.reset();
    const bool is_drained = co_await exchange_.drained_.wait();
    if (!is_drained) {
      co_return net::IoStatus::cancelled;
    }
  }
}

void Exchange::Tunnel::finish() noexcept {
  if (!std::exchange(exchange_.no_more_data_, true)) {
    exchange_.have_data();
  }
}

/// Waits for the client to end its side, as it does when it has our Close. What it still sends is
/// dropped, and gets no credit.
Task<void> Exchange::Tunnel::end() {
  finish();
  set_receive_deadline(reactor::Reactor::current().now() + k_linger_time);
  while (!is_gone() && !is_late_) {
    exchange_.body_.next();
    exchange_.body_came_.reset();
    const bool came = co_await exchange_.body_came_.wait();
    if (!came) {
      co_return;  // and the connection with it
    }
  }
  exchange_.session_->reset(exchange_,
                            exchange_.answer_is_sent_ ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
}

void Exchange::abandon() noexcept {
  if (tunnel_ != nullptr) {
    tunnel_->wake();
  } else {
    scope_->cancel();
  }
}

/// False: the handler has decided otherwise, and the response is the one to be sent.
Task<bool> Exchange::serve_websocket() {
  // What the client gets is another answer, whatever the handler says, and even if it does not end.
  const Response opening = std::move(*response_);
  response_.reset();
  Tunnel tunnel(*this);
  ws::Session session(tunnel, session_->context(), *request_, opening, *scope_, session_->scope());
  session.start();
  co_await session.decision();
  if (!session.is_accepted()) {
    refuse_websocket(session);
    co_return false;
  }
  co_await session.run();
  tunnel.finish();
  body_bytes_sent_ = session.bytes_sent();
  close_account(k_tunnel_is_open);
  co_return true;
}

/// The handler has ended without opening the WebSocket: the request gets another answer.
void Exchange::refuse_websocket(ws::Session& session) {
  if (client_is_freed_ || is_abandoned()) {
    return;
  }
  if (session.error()) {
    response_.emplace(answer_to_exception(session.error(), head_, timed_out_));
  } else {
    Response refusal = std::move(session.refusal());
    response_.emplace(std::move(refusal));
  }
  correct_answer(*response_, head_);
}

}  // namespace uringcorn::http::h2
