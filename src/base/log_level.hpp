// SPDX-License-Identifier: MIT
#pragma once

namespace uringcorn {

// How much a message matters; a log writes those at its own level and above.
enum class LogLevel { debug, info, warning, error, critical };

}  // namespace uringcorn
