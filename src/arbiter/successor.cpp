// SPDX-License-Identifier: MIT
#include "arbiter/successor.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "arbiter/service_manager.hpp"
#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

/// What a shell answers for a program that it cannot execute.
constexpr int k_exit_not_executed = 127;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) {
    list.push_back(text.data());
  }
  list.push_back(nullptr);
  return list;
}

}  // namespace

void Successor::begin(const Estate& estate) {
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    observe::error("Upgrade refused: cannot fork: {}", std::strerror(errno));
    return;
  }
  if (pid == 0) {
    execute(self, estate);
  }
  pid_ = pid;
  observe::info("Upgrade: starting a new arbiter with pid: {}, from {}", pid,
                start_.arguments.front());
}

/// Signals stay blocked: what comes before the new program listens for them waits for it.
void Successor::execute(pid_t predecessor, const Estate& estate) const {
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
  if (::chdir(start_.directory.c_str()) != 0) {
    observe::error("Upgrade failed: cannot change to {}, where this server was started: {}",
                   start_.directory, std::strerror(errno));
    ::_exit(k_exit_not_executed);
  }
  ::umask(start_.umask);
  keep_descriptors(estate);
  keep_activated_descriptors(predecessor);
  std::vector<std::string> environment = handover_variables(predecessor, estate);
  for (const std::string& variable : start_.environment) {
    if (!is_handover_variable(variable)) {
      environment.push_back(variable);
    }
  }
  std::vector<char*> variables = pointers(environment);
  environ = variables.data();
  move_service_variables(start_.pid, ::getpid());
  std::vector<std::string> arguments = start_.arguments;
  ::execvp(arguments.front().c_str(), pointers(arguments).data());
  observe::error("Upgrade failed: cannot execute {}: {}", arguments.front(), std::strerror(errno));
  ::_exit(k_exit_not_executed);
}

void Successor::died(pid_t pid, int status, bool stopping) {
  if (pid != pid_) {
    return;
  }
  pid_ = 0;
  const char* rest = stopping ? "" : "; this one goes on";
  if (WIFSIGNALED(status)) {
    observe::error("The new arbiter (pid {}) was killed by SIG{}{}", pid,
                   ::sigabbrev_np(WTERMSIG(status)), rest);
  } else if (WEXITSTATUS(status) != 0) {
    observe::error("The new arbiter (pid {}) ended with code {}{}", pid, WEXITSTATUS(status), rest);
  } else {
    observe::info("The new arbiter (pid {}) has left{}", pid, rest);
  }
}

}  // namespace uringcorn::arbiter
