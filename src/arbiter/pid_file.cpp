// SPDX-License-Identifier: MIT
#include "arbiter/pid_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace uringcorn::arbiter {
namespace {

constexpr mode_t k_mode = 0644;
/// Each try means that somebody else removed or replaced the file at that moment.
constexpr int k_tries = 100;

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw std::runtime_error(fmt::format("cannot write the pid file {}: {}", path, cause));
}

std::string read_line(int fd) {
  char text[32];
  const ssize_t count = ::pread(fd, text, sizeof text, 0);
  const std::string all(text, count > 0 ? static_cast<std::size_t>(count) : 0);
  return all.substr(0, all.find('\n'));
}

pid_t pid_in(int fd) {
  const std::string text = read_line(fd);
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid;
}

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// When the process began, by the wall clock of now; nothing if there is none, or if it is dead
/// and only waits for its parent to hear of it.
std::optional<double> birth(pid_t pid) {
  std::stringstream stat;
  stat << std::ifstream(fmt::format("/proc/{}/stat", pid)).rdbuf();
  const std::string text = stat.str();
  // The name in parentheses may have blanks. The first field after it is the state, the 20th the
  // time since the boot.
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  char state = 'Z';
  fields >> state;
  std::string field;
  for (int i = 0; i < 18; ++i) {
    fields >> field;
  }
  double ticks = 0;
  if (!(fields >> ticks) || state == 'Z' || state == 'X') {
    return std::nullopt;
  }
  timespec now{};
  timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return seconds(now) - seconds(since_boot) + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Who wrote a file that nobody has locked, if that process is alive. One that is younger than the
/// file only bears the same number.
std::optional<pid_t> live_writer(int fd) {
  const pid_t pid = pid_in(fd);
  if (pid <= 0 || pid == ::getpid() || (::kill(pid, 0) != 0 && errno == ESRCH)) {
    return std::nullopt;
  }
  struct stat file{};
  ::fstat(fd, &file);
  const std::optional<double> born = birth(pid);
  return born && *born <= seconds(file.st_mtim) ? std::optional(pid) : std::nullopt;
}

bool is_at(const std::string& path, int fd) {
  struct stat named{};
  struct stat open{};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

/// The file at `path`, made if need be, locked, and nobody else's.
UniqueFd lock(const std::string& path, bool& made) {
  for (int tries = 0; tries < k_tries; ++tries) {
    made = false;
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && errno == ENOENT) {
      file.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, k_mode));
      made = static_cast<bool>(file);
      if (!file && errno == EEXIST) {
        continue;
      }
    }
    if (!file) {
      fail(path, errno == ELOOP ? "it is a link" : std::strerror(errno));
    }
    struct stat status{};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      fail(path, "it is no regular file");
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      fail(path, errno == EWOULDBLOCK
                     ? fmt::format("the server of process {} is running with it (stop that, or "
                                   "choose another --pid)",
                                   read_line(file.get()))
                     : std::string(std::strerror(errno)));
    }
    // Between open and lock it may have been removed: a lock on that would mean nothing.
    if (!is_at(path, file.get())) {
      continue;
    }
    if (const std::optional<pid_t> writer = live_writer(file.get())) {
      fail(path, fmt::format("it belongs to process {}, which is running (stop that, or choose "
                             "another --pid)",
                             *writer));
    }
    return file;
  }
  fail(path, "others keep removing it");
}

}  // namespace

PidFile::PidFile(std::string path) : path_(std::move(path)) {
  bool made = false;
  file_ = lock(path_, made);
  const std::string text = fmt::format("{}\n", ::getpid());
  // A file that is there already is written even to a full disk.
  const ssize_t count = ::pwrite(file_.get(), text.data(), text.size(), 0);
  const int error = count < 0 ? errno : ENOSPC;
  if (count != static_cast<ssize_t>(text.size())) {
    if (made) {
      ::unlink(path_.c_str());
    }
    fail(path_, std::strerror(error));
  }
  [[maybe_unused]] const int shorter = ::ftruncate(file_.get(), count);
}

PidFile::~PidFile() {
  if (file_ && is_at(path_, file_.get())) {
    ::unlink(path_.c_str());
  }
}

void PidFile::rename(const std::string& path) {
  // Held until it has been replaced, so that nobody else takes it meanwhile.
  bool made = false;
  const UniqueFd replaced = lock(path, made);
  if (std::rename(path_.c_str(), path.c_str()) != 0) {
    fail(path, std::strerror(errno));
  }
  path_ = path;
}

}  // namespace uringcorn::arbiter
