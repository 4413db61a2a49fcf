// SPDX-License-Identifier: MIT
#include "worker/crash_report.hpp"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace uringcorn::worker {
namespace {

constexpr int k_frames_max = 64;

const observe::ScoreboardSlot* g_slot = nullptr;

void put(std::string_view text) noexcept {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void put(long number) noexcept {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  put(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void put_requests() noexcept {
  observe::ScoreboardSlot::RequestLine line;
  for (unsigned place = 0; place < observe::k_requests_kept; place++) {
    const std::string_view text = g_slot->request_line(place, line);
    if (!text.empty()) {
      put("  in request: ");
      put(text);
      put("\n");
    }
  }
}

/// Only what is async-signal-safe: write(2), and a backtrace whose code was loaded beforehand.
void on_abort(int signal) {
  put("uringcorn: worker ");
  put(g_slot->number());
  put(" (pid ");
  put(::getpid());
  put(") aborted; where it was:\n");
  put_requests();
  std::array<void*, k_frames_max> frames;
  const int count = ::backtrace(frames.data(), k_frames_max);
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void report_on_abort(const observe::ScoreboardSlot& slot) {
  g_slot = &slot;
  // The first call loads libgcc, which must not happen inside a signal handler.
  void* frame = nullptr;
  ::backtrace(&frame, 1);
  struct sigaction action{};
  action.sa_handler = on_abort;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  ::sigaction(SIGABRT, &action, nullptr);
}

}  // namespace uringcorn::worker
