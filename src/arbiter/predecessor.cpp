// SPDX-License-Identifier: MIT
#include "arbiter/predecessor.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace uringcorn::arbiter {

Predecessor::Predecessor(pid_t pid) noexcept : pid_(pid) {
  // Close-on-exec by itself.
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (::getppid() != pid) {
    process_.reset();
  }
}

bool Predecessor::lives() const noexcept {
  pollfd process{process_.get(), POLLIN, 0};
  return process_ && ::poll(&process, 1, 0) == 0;
}

}  // namespace uringcorn::arbiter
