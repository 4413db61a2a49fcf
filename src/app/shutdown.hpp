// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/shutdown.hpp>

#include "observe/scoreboard.hpp"

namespace uringcorn::app {

/// Where shutting_down() looks; it must outlive the process's use of it.
void set_shutdown_notice(const observe::Scoreboard& scoreboard) noexcept;

}  // namespace uringcorn::app
