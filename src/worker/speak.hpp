// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/task.hpp>

#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"

namespace uringcorn::worker {

/// Speaks the version of HTTP that the client speaks, until the connection ends: with TLS the one
/// that was agreed upon by ALPN, without it the one that the first bytes tell, as far as the
/// settings allow. Throws nothing. `stream`, `peer` and `context` must outlive it.
Task<void> speak(net::Stream& stream, const net::Peer& peer, http::ServerContext& context);

}  // namespace uringcorn::worker
