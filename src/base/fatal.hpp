// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace uringcorn {

/// Ends the process by SIGABRT after one line on stderr: for errors of the programmer, after which
/// nothing in this process can be trusted. Async-signal-safe; allocates nothing.
[[noreturn]] void fatal(std::string_view message) noexcept;

}  // namespace uringcorn
