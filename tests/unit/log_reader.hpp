// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"

namespace uringcorn {

/// Waits for a condition, half a minute at most, and returns whether it came.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// A pipe as somebody else made it: blocking, its reading end in the hands of the test.
class LogReader {
 public:
  LogReader() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::runtime_error("cannot make a pipe");
    }
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }

  int writing_end() const { return writer_.get(); }
  bool is_writing_end_blocking() const {
    return (::fcntl(writer_.get(), F_GETFL) & O_NONBLOCK) == 0;
  }

  /// Makes the pipe as small as it gets, a page, and fills it up.
  void fill() {
    ::fcntl(writer_.get(), F_SETPIPE_SZ, 4096);
    const std::string page(4096, '.');
    pollfd entry{.fd = writer_.get(), .events = POLLOUT, .revents = 0};
    while (::poll(&entry, 1, 0) > 0) {
      if (::write(writer_.get(), page.data(), page.size()) < 0) {
        throw std::runtime_error("cannot fill the pipe");
      }
    }
  }

  /// All that is in the pipe now.
  std::string take() {
    std::string text;
    char part[4096];
    pollfd entry{.fd = reader_.get(), .events = POLLIN, .revents = 0};
    while (::poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN) != 0) {
      const ssize_t length = ::read(reader_.get(), part, sizeof part);
      if (length <= 0) {
        break;
      }
      text.append(part, static_cast<std::size_t>(length));
    }
    return text;
  }

 private:
  UniqueFd reader_;
  UniqueFd writer_;
};

}  // namespace uringcorn
