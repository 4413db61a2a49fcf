// SPDX-License-Identifier: MIT
#include "arbiter/background.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "arbiter/service_manager.hpp"
#include "base/standard_streams.hpp"

namespace uringcorn::arbiter {
namespace {

pid_t fork_or_throw() {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot go into the background");
  }
  return pid;
}

/// What the server says, or a failure if it dies without a word.
int await_answer(int reader) {
  int code = 0;
  ssize_t count = 0;
  do {
    count = ::read(reader, &code, sizeof code);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof code) {
    fmt::print(stderr, "uringcorn: the server died before it had started\n");
    return 1;
  }
  if (code != 0) {
    fmt::print(stderr, "uringcorn: the server did not start: it ended with code {}\n", code);
  }
  return code;
}

}  // namespace

std::optional<int> Background::enter() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot go into the background");
  }
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t before = ::getpid();
  const pid_t leader = fork_or_throw();
  if (leader > 0) {
    writer.reset();
    ::waitpid(leader, nullptr, 0);
    return await_answer(reader.get());
  }
  ::setsid();
  // Whoever leads no session can never get a terminal by accident.
  if (fork_or_throw() > 0) {
    ::_exit(0);
  }
  move_service_variables(before, ::getpid());
  caller_ = std::move(writer);
  return std::nullopt;
}

void Background::tell_started() noexcept {
  if (caller_) {
    leave_terminal();
    tell(0);
  }
}

void Background::tell_failed(int code) noexcept {
  tell(code);
}

void Background::tell(int code) noexcept {
  if (caller_) {
    // A caller that did not wait is no loss.
    [[maybe_unused]] const ssize_t written = ::write(caller_.get(), &code, sizeof code);
    caller_.reset();
  }
}

}  // namespace uringcorn::arbiter
