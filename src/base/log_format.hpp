// SPDX-License-Identifier: MIT
#pragma once

namespace uringcorn {

// How the lines of the error log look.
enum class LogFormat { text, json };

}  // namespace uringcorn
