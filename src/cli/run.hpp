// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/export.hpp>

namespace uringcorn::cli {

/// The whole program: parses the command line, runs the command, returns the exit code.
URINGCORN_API int run(int argc, char** argv);

}  // namespace uringcorn::cli
