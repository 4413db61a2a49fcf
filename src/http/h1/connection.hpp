// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <uringcorn/task.hpp>

#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"

namespace uringcorn::http::h1 {

/// Speaks HTTP/1.x on a connection until it ends: by its client, a limit, an error, a timeout, or
/// because the worker drains (see ServerContext). Returns when nothing of it runs any more and the
/// last answer has been seen through; the caller then abandons and destroys the stream. Throws
/// nothing. Cancelling its scope cancels the handler and ends the connection at once.
/// `received` is what came already. `stream`, `peer`, `context` and `received` must outlive it.
Task<void> serve(net::Stream& stream, const net::Peer& peer, ServerContext& context,
                 std::string_view received = {});

}  // namespace uringcorn::http::h1
