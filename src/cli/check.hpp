// SPDX-License-Identifier: MIT
#pragma once

#include "settings/resolve.hpp"

namespace uringcorn::cli {

/// What `serve` would find, without binding or starting anything: loads the application (in a child
/// process, so that it may crash), looks at the kernel and at the limits of this process, and
/// prints a report that ends with `OK`; or one sentence to standard error for each thing that is
/// wrong. Returns the exit code that `serve` would have had, as far as can be told.
int examine(const settings::Resolution& resolution);

}  // namespace uringcorn::cli
