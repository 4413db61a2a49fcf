// SPDX-License-Identifier: MIT
#include "worker/connection.hpp"

#include <exception>
#include <optional>
#include <utility>

#include "net/peer.hpp"
#include "net/stream.hpp"
#include "observe/log.hpp"
#include "observe/scoreboard.hpp"
#include "worker/proxy_gate.hpp"

namespace uringcorn::worker {
namespace {

/// Counts a connection for as long as it lives.
class Count {
 public:
  Count(ConnectionCap& cap, observe::ScoreboardSlot* slot) noexcept : cap_(cap), slot_(slot) {
    cap_.opened();
    if (slot_ != nullptr) {
      slot_->connection_opened();
    }
  }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;
  ~Count() {
    cap_.closed();
    if (slot_ != nullptr) {
      slot_->connection_closed();
    }
  }

 private:
  ConnectionCap& cap_;
  observe::ScoreboardSlot* slot_;
};

/// Serves the connection of `peer`, or of the client that `peer` speaks for.
Task<void> serve_client(net::Stream& stream, const net::Peer& peer, http::h1::Protocol& http1) {
  const std::optional<net::Peer> client =
      co_await pass_proxy_gate(stream, peer, http1.context().settings);
  if (client) {
    co_await http1.serve(stream, *client);
  }
}

}  // namespace

Task<void> serve_connection(UniqueFd socket, http::h1::Protocol& http1, ConnectionCap& cap) {
  const Count count(cap, http1.context().scoreboard);
  const net::Peer peer = net::Peer::of(socket.get());
  net::Stream stream(std::move(socket));
  // Only memory can be lacking here; that must not end the other connections.
  try {
    co_await serve_client(stream, peer, http1);
  } catch (const std::exception& error) {
    observe::error("a connection was given up: {}", error.what());
  }
  co_await stream.abandon();
}

}  // namespace uringcorn::worker
