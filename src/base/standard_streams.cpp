// SPDX-License-Identifier: MIT
#include "base/standard_streams.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace uringcorn {

void leave_terminal() noexcept {
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nowhere) {
    return;
  }
  ::dup2(nowhere.get(), STDIN_FILENO);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat status{};
    const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (!is_file) {
      ::dup2(nowhere.get(), fd);
    }
  }
}

}  // namespace uringcorn
