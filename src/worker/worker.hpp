// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "reactor/backend.hpp"
#include "settings/settings.hpp"

namespace uringcorn {
class Application;
}  // namespace uringcorn

namespace uringcorn::observe {
class ScoreboardSlot;
class Scoreboard;
}  // namespace uringcorn::observe

namespace uringcorn::net::tls {
class TicketKeys;
struct Material;
}  // namespace uringcorn::net::tls

namespace uringcorn::worker {

/// Exit codes of a worker, and of the arbiter that gives up because of them (gunicorn's numbers).
constexpr int k_exit_ok = 0;
constexpr int k_exit_failed_to_boot = 3;  ///< the application's startup threw
constexpr int k_exit_app_not_loaded = 4;  ///< missing file, missing symbol, wrong ABI

/// The application is not there, or could not be made. what() is a sentence.
class BootFailure : public std::runtime_error {
 public:
  BootFailure(const std::string& sentence, int exit_code)
      : std::runtime_error(sentence), exit_code_(exit_code) {}
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// One byte from the worker to the arbiter, on `WorkerBoot::message_fd`.
enum class Message : char {
  born = 'B',      ///< its process is there (of one that a template has forked)
  ready = 'R',     ///< the application is up; connections are being accepted
  draining = 'D',  ///< no more are accepted
  recycle = 'X',   ///< it wants a successor, and serves until that is ready
};

/// A listening socket, made by the arbiter. The worker closes its descriptor when it drains.
struct WorkerListener {
  int fd = -1;
  std::string name;  ///< as it is shown: "http://127.0.0.1:8000", "unix:/run/shop.sock"
  std::shared_ptr<const net::tls::Material> tls = nullptr;  ///< null: in the clear
  bool is_shared = true;  ///< false: no other worker of this generation accepts from it
};

/// All that a worker is told. Plain data; lives as long as the process.
struct WorkerBoot {
  const settings::Settings& settings;
  std::span<const WorkerListener> listeners;
  observe::Scoreboard& scoreboard;     ///< all workers, for the accept gate
  observe::ScoreboardSlot& own_place;  ///< this worker's; not the one numbered `slot`: at a reload
                                       ///< two workers bear the same number for a while
  unsigned slot = 0;                   ///< this worker's number, 0..N-1
  unsigned generation = 0;
  reactor::BackendKind backend = reactor::BackendKind::io_uring;
  const net::tls::TicketKeys* ticket_keys = nullptr;  ///< null: TLS sessions are not resumed
  int heartbeat_fd = -1;  ///< touched (futimens, CLOCK_MONOTONIC as mtime) every second
  int message_fd = -1;    ///< the writing end of a pipe; POLLERR there: the arbiter is dead
  std::unique_ptr<Application>* preloaded = nullptr;  ///< loaded already, to be taken; null: not
};

/// The whole life of a worker, in the child of a fork: loads the application, runs it, drains,
/// leaves. Returns the exit code of the process. Signals arrive blocked; the worker unblocks what
/// it handles: TERM drains, INT and QUIT end at once, USR1 reopens logs, ABRT writes a backtrace
/// and the requests in flight, HUP is ignored.
int run(const WorkerBoot& boot);

/// Loads the application into this process, and gives what run() is in processes that are forked
/// from it: each may call it once. Throws BootFailure.
std::function<int(const WorkerBoot&)> preload(const settings::Settings& settings);

}  // namespace uringcorn::worker
