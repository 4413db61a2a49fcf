// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/background.hpp>
#include <uringcorn/task_group.hpp>

namespace uringcorn::app {

/// Where spawn() puts the tasks of the calling thread, which is a worker's; null: nowhere. The
/// group must outlive its tasks, as every group.
void set_background_tasks(TaskGroup* group) noexcept;

}  // namespace uringcorn::app
