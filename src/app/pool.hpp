// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace uringcorn::coro {
class ThreadPool;
}

namespace uringcorn::app {

/// How soon a client that met a full pool may come again.
constexpr std::chrono::seconds k_retry_after{1};

/// The pool of the worker whose reactor runs on the calling thread: where offload() runs what it is
/// given. Null: there is none. It must outlive all that runs on it.
void set_pool(coro::ThreadPool* pool) noexcept;

/// Too much waits for a thread: HttpError(503) with Retry-After.
[[noreturn]] void throw_overloaded();

}  // namespace uringcorn::app
