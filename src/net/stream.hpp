// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"
#include "reactor/operation.hpp"

namespace uringcorn::net {

/// How a receive or a send ended.
enum class IoStatus : std::uint8_t {
  ok,
  end,        ///< the peer sent everything it will ever send (FIN)
  timed_out,  ///< the deadline that was set has passed
  cancelled,  ///< the scope was cancelled
  broken,     ///< the connection is gone (reset, or any other error)
};

struct Received {
  IoStatus status = IoStatus::ok;
  reactor::Buffer buffer;  ///< holds at least one byte if status is ok
};

/// Wants to know of bytes, or of the end, that come while no coroutine receives.
class ReceiveWatcher {
 public:
  /// The receive that was begun is over: `status` is ok (bytes are there), end or broken. The
  /// outcome itself stays for the next receive(). Called from the reactor's loop.
  virtual void receive_ready(IoStatus status) noexcept = 0;

 protected:
  ~ReceiveWatcher() = default;
};

/// A connected stream socket. At most one receive and one send at a time. All that is in flight
/// must have ended (see abandon()) before it is destroyed. Belongs to the thread of its reactor.
class Stream final : private reactor::CompletionListener {
 public:
  explicit Stream(UniqueFd socket) noexcept;
  ~Stream();

  int fd() const noexcept { return socket_.get(); }

  /// Begins to receive, in `scope`, without waiting. `watcher` (may be null) is told of the end
  /// unless a coroutine awaits receive() by then. Does nothing but replace the watcher if a receive
  /// is in flight, its outcome has not been taken, or bytes were given back.
  void begin_receive(CancelScope& scope, ReceiveWatcher* watcher) noexcept;
  /// From now on nobody is told of the receive in flight; its outcome waits for receive().
  void stop_watching() noexcept;
  /// Waits for bytes; joins a receive that was begun before.
  Task<Received> receive();
  /// The outcome of a receive that was begun before, if it is over and nobody took it, or the bytes
  /// that were given back.
  std::optional<Received> take_received() noexcept;
  /// Gives back what remains of the bytes that receive() gave: the next receive() gives them again,
  /// at once. Not while a receive is begun; nothing happens if there are none.
  void unread(reactor::Buffer rest) noexcept;
  /// Beyond `deadline`, receive() ends with timed_out. Kept until it is changed: each wait for
  /// something new sets its own. Costs next to nothing.
  void set_receive_deadline(Clock::time_point deadline) noexcept {
    receive_deadline_.set(deadline);
  }

  /// Sends now what the socket takes, without waiting. Gives the count (0: it is full), or a
  /// negated errno.
  std::ptrdiff_t try_send(std::string_view bytes) noexcept;
  /// Sends all `bytes`, which must stay until the end. timed_out when the peer takes nothing for
  /// `stall_timeout` (zero: waits forever).
  Task<IoStatus> send(std::string_view bytes, Clock::duration stall_timeout);

  /// Makes the end of the connection a reset, for when the peer must not take what it got for
  /// whole, or will never take what is still to be sent.
  void reset_on_close() noexcept;

  /// Ends our side (FIN), then reads and discards what the peer still sends, until its end, so that
  /// it sees the last answer instead of a reset; for `timeout` and `bytes_max` at most.
  Task<void> linger(Clock::duration timeout, std::size_t bytes_max);
  /// Ends what is in flight and waits until it has ended. Afterwards the stream may be destroyed.
  Task<void> abandon();

 private:
  /// Cancels an operation when its deadline passes. The wheel's entry is moved only when it fires,
  /// so that setting a later deadline is one store.
  class Deadline final : private detail::Timer {
   public:
    explicit Deadline(reactor::Operation& operation) noexcept : operation_(operation) {}

    void set(Clock::time_point deadline) noexcept;
    Clock::time_point deadline() const noexcept { return deadline_; }
    /// Whether it was this deadline that ended the operation; forgets it.
    bool take_expired() noexcept { return std::exchange(expired_, false); }

   private:
    void on_timer() noexcept override;

    reactor::Operation& operation_;
    Clock::time_point deadline_ = Clock::time_point::max();
    Clock::time_point armed_for_ = Clock::time_point::max();
    bool expired_ = false;
  };

  void operation_completed(reactor::Operation& operation) override;
  static IoStatus status_of(int error, Deadline& deadline) noexcept;
  Received received(reactor::BufferResult result) noexcept;

  UniqueFd socket_;
  reactor::Receive receive_;
  reactor::Buffer unread_;
  ReceiveWatcher* watcher_ = nullptr;
  Deadline receive_deadline_{receive_};
};

}  // namespace uringcorn::net
