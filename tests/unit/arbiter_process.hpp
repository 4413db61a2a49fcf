// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arbiter/arbiter.hpp"
#include "base/unique_fd.hpp"
#include "settings/settings.hpp"

namespace uringcorn {

/// An arbiter in a process of its own, whose log the test reads line by line. Whatever goes wrong,
/// it and its workers are gone after k_life_max_s, and with this object.
class ArbiterProcess {
 public:
  static constexpr unsigned k_life_max_s = 120;
  static constexpr auto k_patience = std::chrono::seconds(60);

  ArbiterProcess(const settings::Settings& settings, const arbiter::Program& program) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2");
    }
    log_.reset(ends[0]);
    std::cout.flush();
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::alarm(k_life_max_s);
      ::signal(SIGABRT, SIG_DFL);  // The test framework's own reports would come from it.
      ::dup2(ends[1], STDERR_FILENO);
      ::close_range(STDERR_FILENO + 1, ~0U, 0);
      const int code = arbiter::run(settings, program);
      ::_exit(code);
    }
    group_ = pid_;
    ::setpgid(group_, group_);
    ::close(ends[1]);
  }
  ArbiterProcess(const ArbiterProcess&) = delete;
  ArbiterProcess& operator=(const ArbiterProcess&) = delete;
  ~ArbiterProcess() {
    ::kill(-group_, SIGKILL);
    if (pid_ > 0) {
      ::waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  /// The next line of the log that has `text` in it. Throws when the log ends first, or when it
  /// takes too long.
  std::string wait_for(std::string_view text) {
    for (;;) {
      const std::optional<std::string> line = next_line();
      if (!line) {
        throw std::runtime_error("the log ended without \"" + std::string(text) + "\":\n" + all_);
      }
      if (line->find(text) != std::string::npos) {
        return *line;
      }
    }
  }
  /// Waits for all of `texts`, each in a line of its own, in whatever order they come.
  void wait_for_all(std::vector<std::string> texts) {
    while (!texts.empty()) {
      const std::optional<std::string> line = next_line();
      if (!line) {
        throw std::runtime_error("the log ended without \"" + texts.front() + "\":\n" + all_);
      }
      const auto told = [&line](const std::string& text) {
        return line->find(text) != std::string::npos;
      };
      if (const auto found = std::find_if(texts.begin(), texts.end(), told); found != texts.end()) {
        texts.erase(found);
      }
    }
  }
  /// The pid of the next worker that is ready. Needs the log level debug.
  pid_t wait_for_ready() {
    const std::string line = wait_for(" is ready after ");
    return std::stoi(line.substr(line.find("(pid ") + 5));
  }
  /// The exit code, once the arbiter and all who hold its log have ended; a signal's number
  /// negated.
  int wait_for_end() {
    while (next_line()) {
    }
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// Everything that was logged so far.
  const std::string& log() const noexcept { return all_; }

 private:
  std::optional<std::string> next_line() {
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    std::size_t end = 0;
    while ((end = all_.find('\n', seen_)) == std::string::npos) {
      pollfd readable{log_.get(), POLLIN, 0};
      ::poll(&readable, 1, 1000);
      char bytes[4096];
      const ssize_t count = readable.revents == 0 ? -1 : ::read(log_.get(), bytes, sizeof bytes);
      if (count == 0) {
        return std::nullopt;
      }
      all_.append(bytes, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("nothing more came in the log:\n" + all_);
      }
    }
    const std::size_t begin = std::exchange(seen_, end + 1);
    return all_.substr(begin, end - begin);
  }

  pid_t pid_ = -1;    ///< -1: reaped
  pid_t group_ = -1;  ///< the arbiter and its workers
  UniqueFd log_;
  std::string all_;
  std::size_t seen_ = 0;
};

}  // namespace uringcorn
