// SPDX-License-Identifier: MIT
#include <uringcorn/offload.hpp>

#include <stdexcept>

#include "app/pool.hpp"
#include "reactor/across.hpp"

namespace uringcorn {
namespace {

constinit thread_local coro::ThreadPool* t_pool = nullptr;

constexpr int k_service_unavailable = 503;

}  // namespace

void app::set_pool(coro::ThreadPool* pool) noexcept {
  t_pool = pool;
}

void app::throw_overloaded() {
  throw HttpError(k_service_unavailable, "Too many requests wait already.")
      .retry_after(k_retry_after);
}

Task<void> detail::run_blocking(BlockingWork& work) {
  if (reactor::Crossing::current() != nullptr) {
    CancelScope& scope = co_await current_scope();
    if (scope.cancelled()) {
      throw Cancelled();
    }
    work.run();
    co_return;
  }
  if (t_pool == nullptr) {
    throw std::logic_error("offload() works in a worker only: call it from a hook or a handler");
  }
  const auto run = [&work]() -> Task<void> {
    work.run();
    co_return;
  };
  bool is_full = false;
  try {
    co_await reactor::run_on_pool<void>(*t_pool, reactor::Admission::bounded, run);
  } catch (const reactor::PoolIsFull&) {
    is_full = true;
  }
  if (is_full) {
    app::throw_overloaded();
  }
}

std::stop_token detail::stop_token_of_work() {
  return reactor::Crossing::current()->stop_token();
}

}  // namespace uringcorn
