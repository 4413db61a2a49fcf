// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace uringcorn::net {

/// How a receive or a send ended.
enum class IoStatus : std::uint8_t {
  ok,
  end,        ///< the peer sent everything it will ever send (FIN)
  timed_out,  ///< the deadline that was set has passed
  cancelled,  ///< the scope was cancelled
  broken,     ///< the connection is gone (reset, or any other error)
};

}  // namespace uringcorn::net
