// SPDX-License-Identifier: MIT
#include "worker/connection.hpp"

#include <utility>

#include "net/stream.hpp"
#include "observe/scoreboard.hpp"
#include "worker/proxy_gate.hpp"
#include "worker/speak.hpp"

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

/// What comes before the first request: who speaks, and how. False: nobody is to be served.
Task<bool> pass_gates(net::Stream& stream, net::Peer& peer, const settings::Settings& settings,
                      TlsGate* tls) {
  const bool is_announced = co_await pass_proxy_gate(stream, peer, settings);
  if (!is_announced || tls == nullptr) {
    co_return is_announced;
  }
  const bool is_encrypted = co_await tls->pass(stream, peer);
  co_return is_encrypted;
}

}  // namespace

Task<void> serve_connection(UniqueFd socket, net::Peer peer, http::ServerContext& context,
                            ConnectionCap& cap, TlsGate* tls) {
  const Count count(cap, context.scoreboard);
  net::Stream stream(std::move(socket));
  const bool may_speak = co_await pass_gates(stream, peer, context.settings, tls);
  if (may_speak) {
    const Speech speech = co_await listen_for_speech(stream, context.settings);
    if (speech.version != Speech::Version::none) {
      co_await speak(speech, stream, peer, context);
    }
  }
  co_await stream.abandon();
}

}  // namespace uringcorn::worker
