// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "worker/boot.hpp"

namespace uringcorn::worker {

/// The whole life of a worker whose class is in the shared object `module`. Gives the exit code.
int run_module_class(const WorkerBoot& boot, const std::string& module);

}  // namespace uringcorn::worker
