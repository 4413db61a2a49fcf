// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"
#include "net/peer.hpp"
#include "reactor/event.hpp"
#include "reactor/operation.hpp"
#include "worker/accept_gate.hpp"
#include "worker/boot.hpp"

namespace uringcorn::worker {

/// Bounds the connections of a worker, so that it stays clear of its limit of descriptors (at which
/// accept fails at once and for ever).
class ConnectionCap {
 public:
  explicit ConnectionCap(std::size_t limit) noexcept : limit_(limit) {}

  std::size_t limit() const noexcept { return limit_; }
  std::size_t open() const noexcept { return open_; }
  bool reached() const noexcept { return open_ >= limit_; }
  void opened() noexcept { open_++; }
  void closed() noexcept {
    open_--;
    room_.set();
  }
  /// Waits until a connection closes. False: cancelled.
  Task<bool> wait_for_room();

 private:
  std::size_t limit_;
  std::size_t open_ = 0;
  reactor::Event room_;
};

/// Keeps a worker that takes one request at a time from accepting while it is at one.
class Door {
 public:
  void open() noexcept { opened_.set(); }
  void close() noexcept {
    opened_.reset();
    closed_.set();
  }
  /// Waits until it is open.
  Task<void> pass();
  /// Gives a new connection a moment to send its request, which closes the door; the shorter, the
  /// more connections are open and have not done so.
  Task<void> let_speak(std::size_t connections);

 private:
  Task<void> wait_until_closed();

  reactor::Event opened_;
  reactor::Event closed_;
};

/// Accepts connections from one listening socket for as long as its scope is not cancelled.
///
/// The kernel wakes one of the workers that wait for each connection. If that one is stopped, the
/// connection would lie in the queue until the next one comes; so all workers look now and then
/// whether something lies there in spite of their waiting.
class Acceptor final : private detail::Timer {
 public:
  using Serve = std::function<void(UniqueFd, const net::Peer&)>;

  /// `serve` takes each connection. No `door`: it is always open. All that is referred to must
  /// outlive run().
  Acceptor(const WorkerListener& listener, const AcceptGate& gate, ConnectionCap& cap, Door* door,
           Serve serve)
      : listener_(listener.fd),
        name_(listener.name),
        is_shared_(listener.is_shared),
        gate_(gate),
        cap_(cap),
        door_(door),
        serve_(std::move(serve)) {}

  /// Accepts until the scope is cancelled. What has been accepted by then is served.
  Task<void> run();
  /// Takes what waits in the accept queue, and closes this process's descriptor: at a drain, when
  /// the connections there would be lost with the socket. Of a socket that is shared nothing more
  /// is waited for. One that only this worker accepts from may have handshakes under way, from
  /// before connections were sent elsewhere.
  Task<void> empty_queue();
  /// The door was closed: the accept that waits now, if one does, is given up.
  void step_back() noexcept;

 private:
  static constexpr auto k_look_interval = std::chrono::milliseconds(500);

  struct Accepted {
    UniqueFd socket;
    net::Peer peer;
    int error = 0;
  };

  Task<Accepted> accept_one();
  Task<void> wait_at_cap();
  Task<bool> recover(int error);
  void on_timer() noexcept override;

  int listener_;
  std::string_view name_;
  bool is_shared_;
  const AcceptGate& gate_;
  ConnectionCap& cap_;
  Door* door_;
  Serve serve_;
  reactor::Accept* waiting_ = nullptr;
  bool told_of_cap_ = false;
};

}  // namespace uringcorn::worker
