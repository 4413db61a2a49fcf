// SPDX-License-Identifier: MIT
#include "arbiter/heartbeat_folder.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

constexpr const char* k_second_choice = "/tmp";

bool beat(int fd) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const timespec times[] = {now, now};
  return ::futimens(fd, times) == 0;
}

UniqueFd file_in(const std::string& folder) {
  std::string path = folder + "/uringcorn-heartbeat-XXXXXX";
  UniqueFd file(::mkostemp(path.data(), O_CLOEXEC));
  if (file) {
    ::unlink(path.c_str());
    if (!beat(file.get())) {
      const int error = errno;
      file.reset();
      errno = error;
    }
  }
  return file;
}

bool is_for_lack_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE;
}

}  // namespace

UniqueFd HeartbeatFolder::make_file() {
  UniqueFd file = make_anywhere();
  if (!file) {
    throw std::system_error(errno, std::generic_category(), "cannot make its heartbeat file");
  }
  return file;
}

UniqueFd HeartbeatFolder::make_anywhere() {
  while (!in_memory_) {
    UniqueFd file = file_in(folder_);
    if (file || is_for_lack_of_descriptors(errno)) {
      return file;
    }
    const char* cause = std::strerror(errno);
    if (folder_ == k_second_choice) {
      observe::warning("heartbeat files cannot be made in {}: {}; they are kept in memory", folder_,
                       cause);
      in_memory_ = true;
    } else {
      observe::warning(
          "heartbeat files cannot be made in {}: {}; using {} (--worker-tmp-dir chooses another)",
          folder_, cause, k_second_choice);
      folder_ = k_second_choice;
    }
  }
  UniqueFd file(::memfd_create("uringcorn-heartbeat", MFD_CLOEXEC));
  if (file) {
    beat(file.get());
  }
  return file;
}

TimePoint last_beat(int heartbeat_fd) noexcept {
  struct stat file{};
  ::fstat(heartbeat_fd, &file);
  return TimePoint(std::chrono::seconds(file.st_mtim.tv_sec) +
                   std::chrono::nanoseconds(file.st_mtim.tv_nsec));
}

}  // namespace uringcorn::arbiter
