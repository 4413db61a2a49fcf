// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/task.hpp>

#include "base/unique_fd.hpp"
#include "http/server_context.hpp"
#include "worker/acceptor.hpp"

namespace uringcorn::worker {

/// The whole life of one accepted connection: finds out what is spoken on it, serves it, and closes
/// it. Counts itself in `cap` and on the scoreboard. `context` and `cap` must outlive it.
Task<void> serve_connection(UniqueFd socket, http::ServerContext& context, ConnectionCap& cap);

}  // namespace uringcorn::worker
