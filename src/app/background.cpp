// SPDX-License-Identifier: MIT
#include "app/background.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

#include "observe/log.hpp"

namespace uringcorn {
namespace {

constinit thread_local TaskGroup* t_background_tasks = nullptr;

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

}  // namespace

void spawn(Task<void> task) {
  if (t_background_tasks == nullptr) {
    throw std::logic_error(
        "spawn() works on a worker's reactor only: call it from a startup hook or a handler");
  }
  t_background_tasks->spawn(log_failure(std::move(task)));
}

void app::set_background_tasks(TaskGroup* group) noexcept {
  t_background_tasks = group;
}

}  // namespace uringcorn
