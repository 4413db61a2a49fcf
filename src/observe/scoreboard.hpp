// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace uringcorn::observe {

/// Workers that can be on one scoreboard at a time, old generations that still drain included.
constexpr unsigned k_scoreboard_slots = 2048;
/// Requests of one worker whose lines are kept; those beyond are only counted.
constexpr unsigned k_requests_kept = 16;
/// Bytes that are kept of a request line.
constexpr std::size_t k_request_line_max = 120;

enum class WorkerState : std::uint32_t {
  empty,     ///< nobody uses the slot
  booting,   ///< forked; the application is not up yet
  ready,     ///< accepts connections
  draining,  ///< accepts no more, finishes what it has
  gone,      ///< the worker is leaving, or dead and not yet reaped
};

/// Milliseconds of CLOCK_MONOTONIC: the clock of every time on the scoreboard.
std::uint64_t monotonic_ms() noexcept;

/// What one worker shows of itself, in memory shared with the arbiter and all other workers.
/// Nothing here locks: each field has one writer (the arbiter until the fork, then the worker) and
/// any number of readers, who may see fields of different moments. What is here outlives the worker
/// until the arbiter releases the slot: so a worker that was killed still tells what it was doing.
class alignas(64) ScoreboardSlot {
 public:
  /// Names a request to leave_request(). A token whose line was not kept is fine, too.
  enum class RequestToken : std::uint32_t {};

  ScoreboardSlot(const ScoreboardSlot&) = delete;
  ScoreboardSlot& operator=(const ScoreboardSlot&) = delete;

  // ---- the worker's side: a few nanoseconds each, only from the worker's own thread ----

  void set_pid(pid_t pid) noexcept { store(pid_, pid); }
  void set_state(WorkerState state) noexcept { store(state_, state); }
  /// Tells the other workers' accept gates that this one is alive.
  void beat(std::uint64_t now_ms) noexcept { store(heartbeat_ms_, now_ms); }

  void connection_opened() noexcept {
    store(connections_, load(connections_) + 1);
    store(accepted_, load(accepted_) + 1);
  }
  void connection_closed() noexcept { store(connections_, load(connections_) - 1); }

  /// The head of a request has been read. Keeps `method target`, cut to k_request_line_max bytes.
  RequestToken enter_request(std::string_view method, std::string_view target) noexcept;
  /// The request has been answered, or given up.
  void leave_request(RequestToken token) noexcept;

  // ---- anybody's side ----

  /// The worker's number, 0..N-1. Two workers may bear the same number for a while: at a reload the
  /// one drains while the other is booted.
  unsigned number() const noexcept { return load(number_); }
  unsigned generation() const noexcept { return load(generation_); }
  pid_t pid() const noexcept { return load(pid_); }
  WorkerState state() const noexcept { return load(state_); }
  std::uint64_t started_ms() const noexcept { return load(started_ms_); }
  std::uint64_t heartbeat_ms() const noexcept { return load(heartbeat_ms_); }
  std::uint32_t connections() const noexcept { return load(connections_); }
  std::uint64_t accepted() const noexcept { return load(accepted_); }
  /// Requests that were left; those being answered are in requests_active().
  std::uint64_t requests() const noexcept { return load(requests_); }
  std::uint32_t requests_active() const noexcept { return load(requests_active_); }

  using RequestLine = std::array<char, k_request_line_max>;
  /// Copies the line of the request in place `index` (below k_requests_kept) into `line` and gives
  /// the part that was filled: empty if there is no such request. Bytes that are not printable
  /// ASCII, and quotes, come out as '?', so that the line can go into a log as it is. Of a worker
  /// that is running it may be a mix of two lines. Async-signal-safe.
  std::string_view request_line(unsigned index, RequestLine& line) const noexcept;

 private:
  friend class Scoreboard;
  ScoreboardSlot() noexcept = default;
  void begin(unsigned number, unsigned generation) noexcept;

  template <class T>
  static T load(const std::atomic<T>& field) noexcept {
    return field.load(std::memory_order_relaxed);
  }
  template <class T>
  static void store(std::atomic<T>& field, T value) noexcept {
    field.store(value, std::memory_order_relaxed);
  }

  struct KeptLine {
    std::atomic<std::uint64_t> length;  ///< 0: no request is in this place
    std::array<std::atomic<std::uint64_t>, k_request_line_max / 8> words;
  };

  // Who it is: written at the fork.
  std::atomic<unsigned> number_;
  std::atomic<unsigned> generation_;
  std::atomic<std::uint64_t> started_ms_;
  std::atomic<pid_t> pid_;
  // What the other workers' accept gates read: written at each connection.
  alignas(64) std::atomic<WorkerState> state_;
  std::atomic<std::uint32_t> connections_;
  std::atomic<std::uint64_t> heartbeat_ms_;
  std::atomic<std::uint64_t> accepted_;
  // Written at each request.
  alignas(64) std::atomic<std::uint64_t> requests_;
  std::atomic<std::uint32_t> requests_active_;
  std::atomic<std::uint32_t> places_taken_;  ///< one bit a place in lines_
  alignas(64) std::array<KeptLine, k_requests_kept> lines_;
};

/// The slots of all workers of one arbiter. Make it before the first fork; the children share it.
class Scoreboard {
 public:
  /// Throws std::system_error when there is no memory.
  Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;
  ~Scoreboard();

  /// Arbiter only: takes an empty slot for a worker about to be forked, in state `booting` with all
  /// counts at zero. Null when all slots are taken.
  ScoreboardSlot* claim(unsigned number, unsigned generation) noexcept;
  /// Arbiter only: the worker has been reaped, and what it left behind has been read.
  void release(ScoreboardSlot& slot) noexcept;

  /// The slot of that index among slots().
  ScoreboardSlot& at(std::size_t index) noexcept;

  /// Arbiter only: the server is about to stop. It stays so.
  void announce_shutdown() noexcept;
  bool shutting_down() const noexcept;

  /// All slots that were ever in use; those in state `empty` mean nothing.
  std::span<const ScoreboardSlot> slots() const noexcept;

  /// The fewest connections that a worker has among those that are ready and whose last beat is at
  /// most `silence_max_ms` old; k_nobody if there is none. For the accept gate: costs two cache
  /// lines a worker at most.
  std::uint32_t fewest_connections(std::uint64_t now_ms,
                                   std::uint64_t silence_max_ms) const noexcept;
  static constexpr std::uint32_t k_nobody = UINT32_MAX;

 private:
  struct Shared;
  Shared* shared_;
};

}  // namespace uringcorn::observe
