// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/export.hpp>

namespace uringcorn {

/// Whether the server has been told to stop. With `--shutdown-delay` it serves on for that long:
/// time for a load balancer that asks for the readiness to see that it should send no more. It
/// stays false while a worker of its own leaves, at a reload: others are there. Any thread may ask;
/// outside a worker it is false.
URINGCORN_API bool shutting_down() noexcept;

}  // namespace uringcorn
