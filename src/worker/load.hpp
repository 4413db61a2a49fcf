// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <uringcorn/application.hpp>

#include "app/loader.hpp"
#include "settings/settings.hpp"
#include "worker/boot.hpp"

namespace uringcorn::worker {

/// The application of a worker: taken from what was preloaded, or loaded now. Throws
/// app::LoadError, or what the application threw.
std::unique_ptr<Application> load_application(const WorkerBoot& boot);
/// How shared objects are mapped, which with --reload may be written over while they are.
app::Mapping mapping_of(const settings::Settings& settings) noexcept;

}  // namespace uringcorn::worker
