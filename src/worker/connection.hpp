// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/task.hpp>

#include "base/unique_fd.hpp"
#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "worker/acceptor.hpp"
#include "worker/tls_gate.hpp"

namespace uringcorn::worker {

/// The whole life of one accepted connection: finds out what is spoken on it, serves it, and closes
/// it. Counts itself in `cap` and on the scoreboard. `tls` is the gate of a listener that speaks
/// TLS, or null. All references must outlive it.
Task<void> serve_connection(UniqueFd socket, net::Peer peer, http::ServerContext& context,
                            ConnectionCap& cap, TlsGate* tls);

}  // namespace uringcorn::worker
