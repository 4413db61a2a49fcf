// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/export.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

/// Runs `task` beside the requests for as long as the worker lives: at once, on the caller's stack,
/// until it waits for the first time. When the worker leaves, the task is cancelled and awaited. An
/// exception out of it goes to the error log and harms nobody else. In the worker classes `threads`
/// and `sync` it begins soon, on one of the worker's threads. Must be called in a worker, from a
/// startup hook or a handler; elsewhere it throws std::logic_error.
///
/// The task outlives the caller: give it its parameters by value, and let no lambda that captures
/// be the coroutine itself.
URINGCORN_API void spawn(Task<void> task);

}  // namespace uringcorn
