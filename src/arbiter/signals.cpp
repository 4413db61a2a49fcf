// SPDX-License-Identifier: MIT
#include "arbiter/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace uringcorn::arbiter {
namespace {

constexpr int k_handled[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,  SIGTTIN,
                             SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};

}  // namespace

Signals::Signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : k_handled) {
    sigaddset(&handled, signal);
    // An ignored signal never comes out of a signalfd, and nohup(1) ignores HUP for us; ignored
    // children would not be left for waitpid().
    ::signal(signal, SIG_DFL);
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &handled, nullptr);
  fd_.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) {
    throw std::system_error(errno, std::generic_category(), "cannot make a signalfd");
  }
}

int Signals::take() const noexcept {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
    // A terminal sends WINCH, too, whenever its window changes its size.
    const bool from_terminal = info.ssi_signo == SIGWINCH && info.ssi_code == SI_KERNEL;
    if (!from_terminal) {
      return static_cast<int>(info.ssi_signo);
    }
  }
  return 0;
}

}  // namespace uringcorn::arbiter
