// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include <uringcorn/task.hpp>

#include "net/peer.hpp"
#include "net/stream.hpp"
#include "settings/settings.hpp"

namespace uringcorn::worker {

/// Who speaks on a connection that has just been accepted from `peer`: with PROXY headers on, and
/// `peer` among those that send them, the client that the header names; else `peer`. Nothing: the
/// connection is refused, which the error log says, because no proper header came, or not in the
/// time of a request's head. The bytes after the header are what the stream gives next. All
/// references must outlive it.
Task<std::optional<net::Peer>> pass_proxy_gate(net::Stream& stream, const net::Peer& peer,
                                               const settings::Settings& settings);

}  // namespace uringcorn::worker
