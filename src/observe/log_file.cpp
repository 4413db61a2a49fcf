// SPDX-License-Identifier: MIT
#include "observe/log_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace uringcorn::observe {

namespace {

constexpr mode_t k_mode = 0640;
// O_NONBLOCK does nothing for regular files; a FIFO without a reader is an error at once.
constexpr int k_open_flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

mode_t type_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

std::error_code last_error() {
  return {errno, std::system_category()};
}

}  // namespace

LogFile LogFile::open(const std::string& name, int standard_fd) {
  LogFile file;
  file.name_ = name;
  if (name == "-") {
    file.adopt_standard(standard_fd);
    return file;
  }
  if (const std::error_code error = file.reopen()) {
    throw std::system_error(error, "cannot open the log " + name);
  }
  return file;
}

std::error_code LogFile::reopen() {
  if (name_ == "-") {
    if (!is_still_standard()) {
      adopt_standard(standard_fd_);
    }
    return {};
  }
  UniqueFd fd(::open(name_.c_str(), k_open_flags, k_mode));
  if (!fd) {
    return last_error();
  }
  kind_ = type_of(fd.get()) == S_IFREG ? Kind::regular : Kind::stream;
  owned_ = std::move(fd);
  fd_ = owned_.get();
  return {};
}

void LogFile::replace_standard_streams() const {
  if (name_ != "-") {
    ::dup2(fd_, STDOUT_FILENO);
    ::dup2(fd_, STDERR_FILENO);
  }
}

// O_NONBLOCK belongs to the open file, which the shell and its other children share; opening it
// anew through /proc gives one of our own. Sockets cannot be opened so, but send(2) needs no mode.
void LogFile::adopt_standard(int fd) {
  standard_fd_ = fd_ = fd;
  switch (type_of(fd)) {
    case S_IFREG:
      owned_.reset();
      kind_ = Kind::regular;
      return;
    case S_IFSOCK:
      owned_.reset();
      kind_ = Kind::socket;
      return;
    default:
      break;
  }
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  owned_.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  kind_ = owned_ ? Kind::stream : Kind::blocking_stream;
  fd_ = owned_ ? owned_.get() : fd;
}

bool LogFile::is_still_standard() const {
  struct stat used{};
  struct stat standard{};
  return ::fstat(fd_, &used) == 0 && ::fstat(standard_fd_, &standard) == 0 &&
         used.st_dev == standard.st_dev && used.st_ino == standard.st_ino;
}

std::unique_ptr<LogDestination> LogFile::duplicate() const {
  LogFile copy;
  copy.name_ = name_;
  copy.owned_.reset(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  copy.fd_ = copy.owned_.get();
  copy.kind_ = kind_;
  copy.standard_fd_ = standard_fd_;
  return copy.owned_ ? std::make_unique<LogFile>(std::move(copy)) : nullptr;
}

std::string_view LogFile::first_piece(std::string_view lines) const {
  if (kind_ == Kind::regular || lines.size() <= k_atomic_bytes) {
    return lines;
  }
  const std::size_t last_end = lines.rfind('\n', k_atomic_bytes - 1);
  const std::size_t first_end = lines.find('\n');
  return lines.substr(0, (last_end == std::string_view::npos ? first_end : last_end) + 1);
}

ssize_t LogFile::write(std::string_view text) {
  // A pipe that polls writable has room for this much; with another writer in between the write
  // may wait after all, which is the best that can be had without /proc.
  if (kind_ == Kind::blocking_stream) {
    if (!wait_writable(0)) {
      return -EAGAIN;
    }
    text = text.substr(0, std::min(text.size(), k_atomic_bytes));
  }
  ssize_t written = 0;
  do {
    written = kind_ == Kind::socket
                  ? ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                  : ::write(fd_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  return written < 0 ? -errno : written;
}

bool LogFile::wait_writable(int timeout_ms) const {
  pollfd entry{.fd = fd_, .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace uringcorn::observe
