// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <uringcorn/cancel.hpp>
#include <uringcorn/task.hpp>

#include "net/peer.hpp"
#include "net/stream.hpp"
#include "net/tls/context.hpp"
#include "net/tls/workbench.hpp"
#include "settings/settings.hpp"

namespace uringcorn::worker {

/// What the TLS listeners of one worker share: memory to work in, and the bound of handshakes under
/// way. Whoever sends half a handshake, from a thousand connections, must not keep others out: at
/// the bound, the handshake that takes the longest makes room for the next.
class TlsFloor {
 public:
  explicit TlsFloor(std::size_t handshakes_max);

  net::tls::Workbench& workbench() noexcept { return workbench_; }

  /// The place of one handshake, from its construction to its end.
  class Place : private detail::ListHook {
   public:
    Place(TlsFloor& floor, net::Stream& stream) noexcept;
    ~Place();

   private:
    friend class TlsFloor;

    TlsFloor& floor_;
    net::Stream& stream_;
  };

 private:
  void make_room() noexcept;

  net::tls::Workbench workbench_;
  detail::ListHook under_way_;  ///< the oldest first
  std::size_t count_ = 0;
  std::size_t count_max_;
};

/// Turns the connections of one listener into TLS connections.
class TlsGate {
 public:
  /// `floor`, `settings` and `tickets` (may be null) must outlive it. Throws net::tls::TlsError.
  TlsGate(std::shared_ptr<const net::tls::Material> material, const net::tls::TicketKeys* tickets,
          const settings::Settings& settings, TlsFloor& floor);

  /// Sees the handshake on a new connection through. False: it is to be closed, because there was
  /// none, or not in time. Who speaks HTTP in the clear is told so in the clear. `stream` and
  /// `peer` must outlive it.
  Task<bool> pass(net::Stream& stream, const net::Peer& peer);

 private:
  std::shared_ptr<const net::tls::Context> context_;
  const settings::Settings& settings_;
  TlsFloor& floor_;
};

}  // namespace uringcorn::worker
