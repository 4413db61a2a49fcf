// SPDX-License-Identifier: MIT
#pragma once

namespace uringcorn {

/// For a process that runs in the background: from now on it reads nothing, and what it would write
/// to a terminal or a pipe goes nowhere. Output that was sent to a file still goes there.
void leave_terminal() noexcept;

}  // namespace uringcorn
