// SPDX-License-Identifier: MIT
#pragma once

#include "reactor/backend.hpp"
#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// The reactor of all workers: what was asked for, or what works here; a fallback is told in the
/// log. Throws std::runtime_error when io_uring was asked for and cannot be had.
reactor::BackendKind choose_backend(settings::ReactorChoice choice);

}  // namespace uringcorn::arbiter
