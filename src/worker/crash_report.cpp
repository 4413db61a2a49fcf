// SPDX-License-Identifier: MIT
#include "worker/crash_report.hpp"

#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <ctime>
#include <string_view>

#include "base/alternate_stack.hpp"

namespace uringcorn::worker {
namespace {

constexpr int k_frames_max = 64;
/// Threads that are asked where they are: the arbiter gives the report a second altogether.
constexpr unsigned k_threads_asked_max = 16;
/// How long all of them are waited for, in steps. One that sleeps in the kernel where no signal
/// reaches it never answers.
constexpr int k_steps_of_waiting = 400;
constexpr long k_step_ns = 1'000'000;

const observe::ScoreboardSlot* g_slot = nullptr;
std::atomic<const coro::ThreadPool*> g_pool = nullptr;
/// The thread that has the word; 0: none, there is no report.
std::atomic<pid_t> g_speaker = 0;
/// The one that was asked to speak next; 0: none, or it has spoken.
std::atomic<pid_t> g_asked = 0;

// Only what is async-signal-safe from here on: write(2), and a backtrace whose code was loaded
// beforehand.

void put(std::string_view text) noexcept {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void put(long number) noexcept {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  put(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

std::string_view name_of(int signal) noexcept {
  switch (signal) {
    case SIGSEGV:
      return "crashed (SIGSEGV)";
    case SIGBUS:
      return "crashed (SIGBUS)";
    case SIGFPE:
      return "crashed (SIGFPE)";
    case SIGILL:
      return "crashed (SIGILL)";
    default:
      return "aborted";
  }
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

void put_place(pid_t thread) noexcept {
  put(thread == ::getpid() ? "  its first thread, " : "  its thread ");
  put(thread);
  put(":\n");
  std::array<void*, k_frames_max> frames;
  const int count = ::backtrace(frames.data(), k_frames_max);
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
}

void pause_a_step() noexcept {
  const timespec step{0, k_step_ns};
  ::nanosleep(&step, nullptr);
}

/// A thread is asked where it is.
void on_question(int) {
  const int error = errno;
  const pid_t self = ::gettid();
  if (g_asked.load() == self) {
    put_place(self);
    g_asked.store(0);
  }
  errno = error;
}

/// Has another thread of this process write where it is. `steps_left` is what may be waited.
void ask(pid_t thread, int& steps_left) noexcept {
  g_asked.store(thread);
  if (::syscall(SYS_tgkill, ::getpid(), thread, coro::ThreadPool::k_question_signal) != 0) {
    return;
  }
  while (g_asked.load() != 0 && steps_left > 0) {
    pause_a_step();
    --steps_left;
  }
  if (g_asked.exchange(0) != 0) {
    put("  its thread ");
    put(thread);
    put(" does not say where it is\n");
  }
}

/// The threads that are in a request, and the reactor's.
void ask_others(pid_t self) noexcept {
  int steps_left = k_steps_of_waiting;
  if (self != ::getpid()) {
    ask(::getpid(), steps_left);
  }
  const coro::ThreadPool* const pool = g_pool.load();
  unsigned asked = 0;
  for (unsigned i = 0; pool != nullptr && i < pool->threads_max(); ++i) {
    const pid_t thread = pool->busy_thread(i);
    if (thread == 0 || thread == self) {
      continue;
    }
    if (++asked > k_threads_asked_max) {
      put("  and more threads\n");
      return;
    }
    ask(thread, steps_left);
  }
}

void on_crash(int signal) {
  const pid_t self = ::gettid();
  pid_t nobody = 0;
  if (g_speaker.compare_exchange_strong(nobody, self)) {
    put("uringcorn: worker ");
    put(g_slot->number());
    put(" (pid ");
    put(::getpid());
    put(") ");
    put(name_of(signal));
    put("; where it was:\n");
    put_requests();
    put_place(self);
    ask_others(self);
  } else if (nobody != self) {
    // Another thread is at it, and ends the process when it is done.
    for (;;) {
      ::pause();
    }
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// ---- preparations

/// Leaves a handler alone that is there: a sanitizer's knows more.
void handle(int signal, void (*handler)(int), int flags) noexcept {
  struct sigaction present{};
  if (::sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = flags;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void report_on_crash(const observe::ScoreboardSlot& slot) {
  static const AlternateStack stack;
  g_slot = &slot;
  // The first call loads libgcc, which must not happen inside a signal handler.
  void* frame = nullptr;
  ::backtrace(&frame, 1);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    handle(signal, on_crash, static_cast<int>(SA_NODEFER) | SA_ONSTACK);
  }
  handle(coro::ThreadPool::k_question_signal, on_question, SA_RESTART | SA_ONSTACK);
}

PoolInCrashReport::PoolInCrashReport(const coro::ThreadPool& pool) noexcept {
  g_pool.store(&pool);
}

PoolInCrashReport::~PoolInCrashReport() {
  g_pool.store(nullptr);
}

}  // namespace uringcorn::worker
