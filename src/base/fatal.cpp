// SPDX-License-Identifier: MIT
#include "base/fatal.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <cstdlib>

namespace uringcorn {

void fatal(std::string_view message) noexcept {
  const std::string_view prefix = "uringcorn: fatal: ";
  const iovec parts[] = {
      {const_cast<char*>(prefix.data()), prefix.size()},
      {const_cast<char*>(message.data()), message.size()},
      {const_cast<char*>("\n"), 1},
  };
  [[maybe_unused]] const ssize_t written = ::writev(STDERR_FILENO, parts, 3);
  std::abort();
}

}  // namespace uringcorn
