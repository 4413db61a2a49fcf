// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <uringcorn/client_certificate.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"
#include "net/io_status.hpp"
#include "reactor/operation.hpp"

namespace uringcorn::net {

namespace tls {
class Session;
}  // namespace tls

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

/// A connected stream socket, in the clear or, after start_tls(), with TLS: who receives and sends
/// sees no difference. At most one receive and one send at a time. All that is in flight
/// must have ended (see abandon()) before it is destroyed. Belongs to the thread of its reactor.
class Stream final : private reactor::CompletionListener {
 public:
  explicit Stream(UniqueFd socket) noexcept;
  ~Stream();

  int fd() const noexcept { return socket_.get(); }

  /// From now on this is the client's side of a TLS connection: sees the handshake through, with
  /// what was given back and what comes. ok: all that is received and sent from here on is
  /// encrypted. broken: the handshake failed, and the client was told why by an alert; anything
  /// else: the connection ended meanwhile. Waits no longer than the receive deadline.
  Task<IoStatus> start_tls(std::unique_ptr<tls::Session> session);
  bool is_tls() const noexcept { return tls_ != nullptr; }
  /// The protocol that TLS was asked for by ALPN ("h2", "http/1.1"); empty: none, or no TLS.
  std::string_view alpn() const noexcept;
  /// The certificate that the client has shown, once it is verified; null: none. Lives as long as
  /// the stream.
  const ClientCertificate* client_certificate() const noexcept;
  /// What is wrong with the handshake that start_tls() gave up.
  std::string tls_failure() const;

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
  /// negated errno. What was not taken must be what is sent next, if anything is: TLS may have
  /// encrypted some of it already.
  std::ptrdiff_t try_send(std::string_view bytes) noexcept;
  /// Sends all `bytes`, which must stay until the end. timed_out when the peer takes nothing for
  /// `stall_timeout` (zero: waits forever).
  Task<IoStatus> send(std::string_view bytes, Clock::duration stall_timeout);

  /// What is sent from now on is the last, and linger() or abandon() follows at once: the kernel
  /// may hold it back until then, and send it and the end (FIN) in one packet.
  void end_follows() noexcept { end_follows_ = true; }

  /// Makes the end of the connection a reset, for when the peer must not take what it got for
  /// whole, or will never take what is still to be sent.
  void reset_on_close() noexcept;

  /// Ends our side (FIN), then reads and discards what the peer still sends, until its end, so that
  /// it sees the last answer instead of a reset; for `timeout` and `bytes_max` at most.
  Task<void> linger(Clock::duration timeout, std::size_t bytes_max);
  /// Ends what is in flight and waits until it has ended. Tells a TLS peer that it has everything,
  /// unless the end shall be a reset. Afterwards the stream may be destroyed.
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
  Task<Received> receive_as_it_is();
  int send_flags() const noexcept;
  Task<IoStatus> send_as_it_is(std::string_view bytes, Clock::duration stall_timeout);
  static IoStatus status_of(int error, Deadline& deadline) noexcept;
  Received received(reactor::BufferResult result) noexcept;

  // With TLS (stream_tls.cpp).
  Task<Received> receive_encrypted();
  std::optional<Received> take_ended() noexcept;
  std::optional<Received> decrypted(Received received) noexcept;
  void decrypt_for_watcher() noexcept;
  std::ptrdiff_t try_send_encrypted(std::string_view bytes) noexcept;
  Task<IoStatus> send_encrypted(std::string_view bytes, Clock::duration stall_timeout);
  Task<IoStatus> send_waiting_records(Clock::duration stall_timeout);
  int flush_records() noexcept;
  void end_tls() noexcept;

  UniqueFd socket_;
  bool end_follows_ = false;
  reactor::Receive receive_;
  reactor::Buffer unread_;
  ReceiveWatcher* watcher_ = nullptr;
  std::unique_ptr<tls::Session> tls_;
  Deadline receive_deadline_{receive_};
};

}  // namespace uringcorn::net
