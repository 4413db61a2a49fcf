// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <uringcorn/cancel.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

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

/// Turns the connections of one listener into TLS connections, with certificates that are read
/// again whenever their files change: new connections get the new ones, those that are there keep
/// what they have.
class TlsGate final : private detail::Timer {
 public:
  /// How often the files are looked at. What has changed is read once it is the same at two looks,
  /// so that a certificate and its key are both there.
  static constexpr auto k_look_interval = std::chrono::seconds(1);

  /// `reports`: whether this worker says what becomes of changed files; one of them should. The
  /// references and `tickets` (may be null) must outlive it. Throws net::tls::TlsError.
  TlsGate(std::shared_ptr<const net::tls::Material> material, const net::tls::TicketKeys* tickets,
          const settings::Settings& settings, TlsFloor& floor, bool reports);

  /// Sees the handshake on a new connection through. False: it is to be closed, because there was
  /// none, or not in time. Who speaks HTTP in the clear is told so in the clear. `stream` and
  /// `peer` must outlive it.
  Task<bool> pass(net::Stream& stream, const net::Peer& peer);

 private:
  void on_timer() noexcept override;
  void look_at_files();
  void read_files();

  std::shared_ptr<const net::tls::Context> context_;
  const net::tls::TicketKeys* tickets_;
  const settings::Settings& settings_;
  TlsFloor& floor_;
  bool reports_;
  std::string fingerprint_;  ///< of the files that were read, or refused, last
  std::string last_look_;
};

}  // namespace uringcorn::worker
