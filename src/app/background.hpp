// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/background.hpp>
#include <uringcorn/task_group.hpp>

namespace uringcorn::coro {
class ThreadPool;
}

namespace uringcorn::app {

/// Where spawn() puts the tasks of the calling thread, which is a worker's, and of the strands
/// whose home it is; null: nowhere. The group must outlive its tasks, as every group. With a `pool`
/// each task runs on a strand of it, else on the reactor.
void set_background_tasks(TaskGroup* group, coro::ThreadPool* pool = nullptr) noexcept;

}  // namespace uringcorn::app
