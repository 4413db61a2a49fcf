// SPDX-License-Identifier: MIT
#pragma once

namespace uringcorn::cli {

/// `uringcorn serve [APP] [options]`: serves until it is stopped, or prints what an option asks
/// for. `argv` is the whole command line. Returns the exit code: 2 for settings that cannot be
/// used, else the arbiter's.
int serve(int argc, char** argv);

/// `uringcorn check [APP] [options]`: the same as `serve --check-config`.
int check(int argc, char** argv);

}  // namespace uringcorn::cli
