// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <uringcorn/application.hpp>
#include <uringcorn/worker_class.hpp>

#include "worker/boot.hpp"
#include "worker/class_choice.hpp"

namespace uringcorn::worker {

/// The whole life of a worker of uringcorn's own classes, from the startup of `application` to its
/// shutdown. Gives the exit code.
int run_own_class(const WorkerBoot& boot, ClassKind kind, std::unique_ptr<Application> application);

/// A worker of class async whose waiting is done elsewhere.
std::unique_ptr<DrivenWorker> make_driven_worker(const WorkerBoot& boot,
                                                 std::unique_ptr<Application> application);

}  // namespace uringcorn::worker
