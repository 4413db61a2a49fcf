// SPDX-License-Identifier: MIT
#include "http/h1/connection.hpp"

#include <exception>
#include <memory>
#include <utility>

#include "http/h1/exchange.hpp"
#include "http/h1/worker_state.hpp"
#include "http/lingering.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

/// An exchange at work for a connection; goes back to the worker at the end.
class Lease {
 public:
  explicit Lease(ConnectionState& connection)
      : worker_(connection.worker), exchange_(worker_.lease()) {
    exchange_->begin(connection);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    exchange_->end();
    worker_.give_back(std::move(exchange_));
  }
  Exchange* operator->() const noexcept { return exchange_.get(); }

 private:
  WorkerState& worker_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace

Task<void> serve(net::Stream& stream, const net::Peer& peer, ServerContext& context,
                 std::string_view received_before) {
  CancelScope& scope = co_await current_scope();
  ConnectionState connection{stream, peer, context, WorkerState::of(context), scope};
  // The time of the first head begins with the connection, not with its first byte.
  connection.head_deadline = reactor::deadline_in(context.settings.request_head_timeout);
  stream.set_receive_deadline(connection.head_deadline);
  try {
    while (connection.ending == Ending::none) {
      net::Received received = co_await stream.receive();
      if (received.status != net::IoStatus::ok) {
        // Nothing is in hand: no answer, whatever the cause. A client that was not told to go may
        // send a request just now: it shall see an end, and not a reset.
        const bool may_cross = received.status == net::IoStatus::timed_out && context.draining();
        connection.ending = may_cross ? Ending::linger : Ending::plain;
        break;
      }
      const Lease exchange(connection);
      exchange->receive(std::exchange(received_before, {}));
      exchange->receive(received.buffer.bytes());
      received.buffer.release();
      const Exchange::Progress progress = exchange->advance();
      if (progress != Exchange::Progress::idle) {
        co_await exchange->run(progress);
      }
      stream.set_receive_deadline(reactor::deadline_in(context.settings.keep_alive));
    }
  } catch (const std::exception& exception) {
    observe::error("a connection from {} ends because of: {}", peer.address(), exception.what());
    connection.ending = Ending::reset;
  }
  if (connection.ending == Ending::linger) {
    co_await stream.linger(k_linger_time, k_linger_bytes_max);
  } else if (connection.ending == Ending::reset) {
    stream.reset_on_close();
  }
}

}  // namespace uringcorn::http::h1
