// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "arbiter/clock.hpp"
#include "base/unique_fd.hpp"
#include "net/tls/material.hpp"
#include "net/tls/ticket_keys.hpp"
#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// What the arbiter has for listeners that speak TLS: it reads the certificates of each plan, and
/// keeps the keys of session tickets for its own life, and for a successor's.
class TlsSecrets {
 public:
  using Materials = std::vector<std::shared_ptr<const net::tls::Material>>;

  /// Ticket keys of a predecessor, for as long as no certificates have been read.
  void take(UniqueFd ticket_keys) { handed_ = std::move(ticket_keys); }

  /// One for each listener; null for those in the clear. A certificate that has expired does not
  /// take the place of another: it has to be among those that `serving` has. Null: nothing serves
  /// yet. Throws net::tls::TlsError.
  Materials read(const settings::Settings& settings, const Materials* serving);

  /// Null: there are none, for lack of TLS or of tickets. They live as long as this.
  const net::tls::TicketKeys* ticket_keys() const noexcept { return keys_ ? &*keys_ : nullptr; }
  /// What to hand over; -1: nothing.
  int ticket_keys_fd() const noexcept { return keys_ ? keys_->fd() : -1; }
  /// Makes a new key if it is time for one. While two arbiters share the keys, only one does that.
  void rotate_if_due(TimePoint now);
  TimePoint due() const noexcept { return keys_ ? keys_->due() : TimePoint::max(); }

  void close_in_child() noexcept;

 private:
  void make_ticket_keys(const settings::Settings& settings);

  UniqueFd handed_;
  std::optional<net::tls::TicketKeys> keys_;  ///< since the first plan with TLS
};

}  // namespace uringcorn::arbiter
