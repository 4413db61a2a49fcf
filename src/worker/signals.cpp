// SPDX-License-Identifier: MIT
#include "worker/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace uringcorn::worker {

Signals::Signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGUSR1}) {
    sigaddset(&handled, signal);
  }
  // What is meant for the arbiter may come here, too, from whoever signals by name.
  for (const int signal : {SIGHUP, SIGUSR2, SIGTTIN, SIGTTOU, SIGPIPE, SIGXFSZ}) {
    ::signal(signal, SIG_IGN);
  }
  ::sigprocmask(SIG_SETMASK, &handled, nullptr);
  fd_.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) {
    throw std::system_error(errno, std::generic_category(), "signalfd");
  }
}

Signals::Taken Signals::take() const noexcept {
  signalfd_siginfo info{};
  const ssize_t got = ::read(fd_.get(), &info, sizeof info);
  if (got != sizeof info) {
    return {};
  }
  return {static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid)};
}

}  // namespace uringcorn::worker
