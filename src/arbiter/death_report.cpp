// SPDX-License-Identifier: MIT
#include "arbiter/death_report.hpp"

#include <fmt/format.h>
#include <string.h>
#include <sys/wait.h>

#include <csignal>
#include <string_view>

namespace uringcorn::arbiter {
namespace {

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) {
    return fmt::format("exited with code {}", WEXITSTATUS(status));
  }
  const char* name = ::sigabbrev_np(WTERMSIG(status));
  return name == nullptr ? fmt::format("was killed by signal {}", WTERMSIG(status))
                         : fmt::format("was killed by SIG{}", name);
}

std::string_view why_it_exited(const WorkerProcess& worker, int code) {
  if (code == worker::k_exit_app_not_loaded) {
    return "the application could not be loaded";
  }
  if (worker.stage() == WorkerProcess::Stage::booting) {
    return "the application failed to boot";
  }
  return worker.stage() == WorkerProcess::Stage::leaving ? "it did not leave cleanly"
                                                         : "nobody had told it to leave";
}

std::string why(const WorkerProcess& worker, int status, bool out_of_memory) {
  const settings::Settings& settings = worker.plan().settings;
  const auto in_seconds = [](std::chrono::milliseconds time) {
    return static_cast<double>(time.count()) / 1000;
  };
  switch (worker.verdict()) {
    case WorkerProcess::Verdict::boot_timeout:
      return fmt::format("it was not ready within {} s (--boot-timeout)",
                         in_seconds(settings.boot_timeout));
    case WorkerProcess::Verdict::silent:
      return fmt::format("it was silent for {} s (--timeout)", in_seconds(settings.timeout));
    case WorkerProcess::Verdict::graceful_timeout:
      return "it had not left when its time was over (--graceful-timeout)";
    case WorkerProcess::Verdict::quick_end:
      return "it was told to end at once, and did not";
    case WorkerProcess::Verdict::kill:
      return "a second INT or QUIT does not wait";
    case WorkerProcess::Verdict::none:
      break;
  }
  if (WIFEXITED(status)) {
    return std::string(why_it_exited(worker, WEXITSTATUS(status)));
  }
  if (out_of_memory && WTERMSIG(status) == SIGKILL) {
    return "the cgroup ran out of memory";
  }
  const bool was_booting = worker.stage() == WorkerProcess::Stage::booting;
  return fmt::format("it crashed{}, or somebody else sent the signal{}",
                     was_booting ? " while the application booted" : "",
                     WCOREDUMP(status) ? "; its core was dumped" : "");
}

std::string requests_in_flight(const observe::ScoreboardSlot& place) {
  std::string lines;
  unsigned told = 0;
  observe::ScoreboardSlot::RequestLine buffer;
  for (unsigned i = 0; i < observe::k_requests_kept; ++i) {
    const std::string_view line = place.request_line(i, buffer);
    if (!line.empty()) {
      lines += fmt::format("{} \"{}\"", told == 0 ? "; it was in:" : ",", line);
      ++told;
    }
  }
  if (place.requests_active() > told) {
    lines += fmt::format(", and {} more", place.requests_active() - told);
  }
  return lines;
}

}  // namespace

DeathReport report_death(const WorkerProcess& worker, int status, bool out_of_memory,
                         TimePoint now) {
  const double age = std::chrono::duration<double>(now - worker.started()).count();
  const std::string who = fmt::format("Worker {} (pid {})", worker.number(), worker.pid());
  const std::string what = fmt::format("after {:.1f} s and {} {}", age, worker.place().requests(),
                                       worker.place().requests() == 1 ? "request" : "requests");
  if (status == 0 && worker.stage() == WorkerProcess::Stage::leaving) {
    return {LogLevel::info, fmt::format("{} left {}", who, what)};
  }
  return {LogLevel::error,
          fmt::format("{} {} {}: {}{}", who, how_it_ended(status), what,
                      why(worker, status, out_of_memory), requests_in_flight(worker.place()))};
}

std::string report_death(const TemplateProcess& process, pid_t pid, int status, TimePoint now) {
  std::string_view why = "no more workers can be forked from it";
  if (process.is_overdue()) {
    why = "it had not loaded the application in time (--boot-timeout)";
  } else if (process.stage() == TemplateProcess::Stage::loading) {
    why = WIFEXITED(status) && WEXITSTATUS(status) == worker::k_exit_app_not_loaded
              ? "the application could not be loaded"
              : "the application failed to boot";
  }
  return fmt::format("The template of generation {} (pid {}) {} after {:.1f} s: {}",
                     process.plan().generation, pid, how_it_ended(status),
                     std::chrono::duration<double>(now - process.started()).count(), why);
}

}  // namespace uringcorn::arbiter
