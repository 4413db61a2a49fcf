// SPDX-License-Identifier: MIT
#include "arbiter/backend_choice.hpp"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::arbiter {

reactor::BackendKind choose_backend(settings::ReactorChoice choice) {
  if (choice == settings::ReactorChoice::epoll) {
    return reactor::BackendKind::epoll;
  }
  const std::optional<std::string> obstacle = reactor::io_uring_obstacle();
  if (!obstacle) {
    return reactor::BackendKind::io_uring;
  }
  if (choice == settings::ReactorChoice::io_uring) {
    throw std::runtime_error(
        fmt::format("--reactor io_uring cannot be had: {}; or choose --reactor epoll", *obstacle));
  }
  observe::warning("{}; serving with epoll instead", *obstacle);
  return reactor::BackendKind::epoll;
}

}  // namespace uringcorn::arbiter
