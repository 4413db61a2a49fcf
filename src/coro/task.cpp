// SPDX-License-Identifier: MIT
#include <uringcorn/task.hpp>

#include <stdexcept>

namespace uringcorn::detail {

void throw_moved_from() {
  throw std::logic_error("a Task was awaited that was moved from");
}

void throw_awaited_again() {
  throw std::logic_error("a Task was awaited a second time");
}

void throw_without_result() {
  throw std::logic_error("a coroutine ended without its co_return");
}

}  // namespace uringcorn::detail
