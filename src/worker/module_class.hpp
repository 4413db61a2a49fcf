// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include <uringcorn/worker_class.hpp>

#include "app/loader.hpp"
#include "worker/worker.hpp"

namespace uringcorn::worker {

/// The whole life of a worker whose class is in the shared object `module`. Gives the exit code.
int run_module_class(const WorkerBoot& boot, const std::string& module);

/// What a class of the user's own may take from uringcorn's own workers.
std::unique_ptr<Application> load_application(const WorkerBoot& boot);
app::Mapping mapping_of(const settings::Settings& settings) noexcept;
std::unique_ptr<DrivenWorker> make_driven_worker(const WorkerBoot& boot,
                                                 std::unique_ptr<Application> application);

}  // namespace uringcorn::worker
