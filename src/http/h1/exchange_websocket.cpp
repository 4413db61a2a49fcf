// SPDX-License-Identifier: MIT
// How an exchange becomes a WebSocket: the answer 101, and the connection as its transport.
#include <utility>

#include "http/h1/exchange.hpp"
#include "http/handler_outcome.hpp"
#include "http/lingering.hpp"
#include "http/ws/handshake.hpp"
#include "http/ws/session.hpp"
#include "http/ws/transport.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

constexpr int k_switching_protocols = 101;

}  // namespace

/// The connection, from the answer 101 on.
class Exchange::UpgradedStream final : public ws::Transport {
 public:
  explicit UpgradedStream(Exchange& exchange) noexcept
      : exchange_(exchange), stream_(exchange.connection_->stream) {}

  void open(Fields fields, ByteBuffer& out) override {
    if (exchange_.is_answered_without_handler_) {
      throw Cancelled();
    }
    const std::optional<std::string_view> key = exchange_.head_.fields.get("Sec-WebSocket-Key");
    fields.set("Upgrade", "websocket");
    fields.set("Sec-WebSocket-Accept", ws::accept_value(key.value_or("")));
    const ResponseFraming framing{.keep_alive = true};
    write_response_head(out, k_switching_protocols, fields, framing,
                        exchange_.worker_.date_line().at(reactor::Reactor::current().now()),
                        exchange_.worker_.server_line());
    exchange_.head_written_ = true;
    // The request is answered: its time no longer runs.
    exchange_.disarm();
  }

  Task<Received> receive() override {
    release();
    if (exchange_.take_unread(early_)) {
      co_return Received{net::IoStatus::ok, {early_.data(), early_.size()}};
    }
    net::Received received = co_await stream_.receive();
    buffer_ = std::move(received.buffer);
    co_return Received{received.status, buffer_.writable_bytes()};
  }
  void release() noexcept override {
    early_.release();
    buffer_.release();
  }
  void set_receive_deadline(Clock::time_point deadline) noexcept override {
    stream_.set_receive_deadline(deadline);
  }

  std::ptrdiff_t try_send(std::string_view bytes) noexcept override {
    return stream_.try_send(bytes);
  }
  Task<net::IoStatus> send(std::string_view bytes, Clock::duration stall_timeout) override {
    return stream_.send(bytes, stall_timeout);
  }

  Task<void> end() override { return stream_.linger(k_linger_time, k_linger_bytes_max); }
  void abort() noexcept override { stream_.reset_on_close(); }

 private:
  Exchange& exchange_;
  net::Stream& stream_;
  ByteBuffer early_;  // what came behind the request, before the answer
  reactor::Buffer buffer_;
};

/// Moves what was received and not used to `bytes`. False: there is nothing.
bool Exchange::take_unread(ByteBuffer& bytes) {
  input_.join();
  bytes.append(input_.unread());
  input_.reset(0);  // a WebSocket may be open for hours
  return !bytes.empty();
}

Task<void> Exchange::serve_websocket() {
  // What was answered before goes out before.
  co_await flush_or_close();
  if (output_.status() != net::IoStatus::ok) {
    leave_request(RequestAccount::k_client_closed_request);
    co_return;
  }
  output_.buffer().release();
  UpgradedStream transport(*this);
  ws::Session session(transport, connection_->context, *request_, *response_, *scope_,
                      connection_->scope);
  session.start();
  if (!session.decision().is_set()) {
    watch_client();
    co_await session.decision();
    connection_->stream.stop_watching();
  }
  if (!session.is_accepted()) {
    refuse_websocket(session);
    co_return;
  }
  parser_.release();  // no request follows
  co_await session.run();
  body_bytes_sent_ = session.bytes_sent();
  leave_request(k_switching_protocols);
  connection_->ending = Ending::plain;
}

/// The handler has ended without opening the WebSocket: the request gets another answer.
void Exchange::refuse_websocket(ws::Session& session) {
  if (is_answered_without_handler_) {
    end_without_client();
    return;
  }
  if (client_gone_ || connection_->scope.cancelled()) {
    abandon_request();
    return;
  }
  if (session.error()) {
    answer_exception(session.error());
  } else {
    Response refusal = std::move(session.refusal());
    response_.emplace(std::move(refusal));
  }
  correct_answer(*response_, head_);
}

}  // namespace uringcorn::http::h1
