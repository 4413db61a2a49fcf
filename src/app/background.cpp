// SPDX-License-Identifier: MIT
#include "app/background.hpp"

#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

#include "observe/log.hpp"
#include "reactor/across.hpp"

namespace uringcorn {
namespace {

constinit thread_local TaskGroup* t_background_tasks = nullptr;
constinit thread_local coro::ThreadPool* t_background_pool = nullptr;

/// Keeps the failure of one task away from the others of its group.
Task<void> log_failure(Task<void> task) {
  CancelScope& scope = co_await current_scope();
  try {
    co_await std::move(task);
  } catch (const Cancelled&) {
    if (!scope.cancelled()) {
      observe::error("a background task ended: cancelled, though the worker goes on");
    }
  } catch (const std::exception& error) {
    observe::error("a background task failed: {}", error.what());
  } catch (...) {
    observe::error("a background task failed with an unknown exception");
  }
}

void spawn_here(Task<void> task) {
  if (t_background_tasks == nullptr) {
    throw std::logic_error(
        "spawn() works in a worker only: call it from a startup hook or a handler");
  }
  if (t_background_pool == nullptr) {
    t_background_tasks->spawn(log_failure(std::move(task)));
    return;
  }
  const auto owned = std::make_shared<Task<void>>(std::move(task));
  t_background_tasks->spawn(
      reactor::run_on_pool<void>(*t_background_pool, reactor::Admission::always,
                                 [owned] { return log_failure(std::move(*owned)); }));
}

}  // namespace

void spawn(Task<void> task) {
  reactor::Crossing* const crossing = reactor::Crossing::current();
  if (crossing == nullptr) {
    spawn_here(std::move(task));
    return;
  }
  const auto owned = std::make_shared<Task<void>>(std::move(task));
  crossing->home().post([owned] { spawn_here(std::move(*owned)); });
}

void app::set_background_tasks(TaskGroup* group, coro::ThreadPool* pool) noexcept {
  t_background_tasks = group;
  t_background_pool = pool;
}

}  // namespace uringcorn
