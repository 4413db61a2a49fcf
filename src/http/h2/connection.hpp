// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <uringcorn/task.hpp>

#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"

namespace uringcorn::http::h2 {

/// What a client says first on a connection that speaks HTTP/2 (RFC 9113 section 3.4).
inline constexpr std::string_view k_client_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Speaks HTTP/2 on a connection until it ends: by its client, a limit, an error, a timeout, or
/// because the worker drains (see ServerContext). `received` is what came already, from the
/// client's preface on. Returns when nothing of it runs any more; the caller then abandons and
/// destroys the stream. Throws nothing. Cancelling its scope cancels all handlers and ends the
/// connection at once. `stream`, `peer` and `context` must outlive it.
Task<void> serve(net::Stream& stream, const net::Peer& peer, ServerContext& context,
                 std::string_view received = {});

}  // namespace uringcorn::http::h2
