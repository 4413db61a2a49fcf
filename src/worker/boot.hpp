// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <span>
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

/// One byte from the worker to the arbiter, on `WorkerBoot::message_fd`.
enum class Message : char {
  born = 'B',           ///< its process is there (of one that a template has forked)
  ready = 'R',          ///< the application is up; connections are being accepted
  draining = 'D',       ///< no more are accepted
  recycle = 'X',        ///< it wants a successor, and serves until that is ready
  told_to_leave = 'T',  ///< by TERM from somebody else; it serves until the arbiter says so, too
};

/// TERM to the whole process group, of timeout(1) or of systemd's KillMode=control-group, reaches
/// the arbiter, too, which tells its workers when it is time to leave. One that was told by
/// somebody else asks it therefore, and leaves without an answer after so long, unless all of the
/// server does.
constexpr std::chrono::seconds k_arbiter_answers_within{2};

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

}  // namespace uringcorn::worker
