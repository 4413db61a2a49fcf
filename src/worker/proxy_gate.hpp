// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/task.hpp>

#include "net/peer.hpp"
#include "net/stream.hpp"
#include "settings/settings.hpp"

namespace uringcorn::worker {

/// Finds out who speaks on a connection that has just been accepted from `peer`: if PROXY headers
/// are on, and `peer` is among those that send them, receives the header and puts the client that
/// it names in the place of `peer`. The bytes after the header are what the stream gives next.
/// False: the connection is to be closed, because no proper header came, or not in the time of a
/// request's head; the error log says so. All references must outlive it.
Task<bool> pass_proxy_gate(net::Stream& stream, net::Peer& peer,
                           const settings::Settings& settings);

}  // namespace uringcorn::worker
