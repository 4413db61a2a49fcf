// SPDX-License-Identifier: MIT
#include "net/stream.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "net/tls/session.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::net {

Stream::Stream(UniqueFd socket) noexcept : socket_(std::move(socket)), receive_(socket_.get()) {
  // A client connects because it has something to say.
  receive_.expect_bytes();
}

Stream::~Stream() {
  reactor::Reactor::current().close(std::move(socket_));
}

void Stream::Deadline::set(Clock::time_point deadline) noexcept {
  deadline_ = deadline;
  if (deadline < armed_for_) {
    armed_for_ = deadline;
    arm(deadline);
  }
}

void Stream::Deadline::on_timer() noexcept {
  armed_for_ = Clock::time_point::max();
  if (!operation_.in_flight()) {
    return;
  }
  if (reactor::Reactor::current().now() < deadline_) {
    set(deadline_);
    return;
  }
  expired_ = true;
  operation_.cancel();
}

void Stream::begin_receive(CancelScope& scope, ReceiveWatcher* watcher) noexcept {
  watcher_ = watcher;
  if (tls_) {
    tls_->receive_scope = &scope;
  }
  if (unread_ || (tls_ && tls_->untaken)) {
    return;
  }
  switch (receive_.state()) {
    case reactor::Operation::State::idle:
      receive_deadline_.set(receive_deadline_.deadline());
      receive_.start(&scope, this);
      break;
    case reactor::Operation::State::in_flight:
      receive_.set_listener(this);
      break;
    case reactor::Operation::State::done:
      break;
  }
}

void Stream::stop_watching() noexcept {
  watcher_ = nullptr;
  receive_.set_listener(nullptr);
}

void Stream::operation_completed(reactor::Operation& operation) {
  if (watcher_ == nullptr) {
    return;
  }
  if (tls_) {
    decrypt_for_watcher();
    return;
  }
  const int result = operation.peek_result();
  const IoStatus status = result > 0             ? IoStatus::ok
                          : result == 0          ? IoStatus::end
                          : result == -ECANCELED ? IoStatus::cancelled
                                                 : IoStatus::broken;
  std::exchange(watcher_, nullptr)->receive_ready(status);
}

IoStatus Stream::status_of(int error, Deadline& deadline) noexcept {
  const bool expired = deadline.take_expired();
  if (error == 0) {
    return IoStatus::ok;
  }
  if (error == ECANCELED) {
    return expired ? IoStatus::timed_out : IoStatus::cancelled;
  }
  return IoStatus::broken;
}

Received Stream::received(reactor::BufferResult result) noexcept {
  Received received{status_of(result.error, receive_deadline_), std::move(result.buffer)};
  if (received.status == IoStatus::ok && !received.buffer) {
    received.status = IoStatus::end;
  }
  return received;
}

void Stream::unread(reactor::Buffer rest) noexcept {
  assert(receive_.state() == reactor::Operation::State::idle && !unread_);
  if (!rest.bytes().empty()) {
    unread_ = std::move(rest);
  }
}

// Not a coroutine of its own: an idle connection is in here, and its frames are memory.
Task<Received> Stream::receive() {
  return tls_ ? receive_encrypted() : receive_as_it_is();
}

Task<Received> Stream::receive_as_it_is() {
  if (unread_) {
    co_return Received{IoStatus::ok, std::move(unread_)};
  }
  receive_deadline_.set(receive_deadline_.deadline());
  reactor::BufferResult result = co_await receive_;
  co_return received(std::move(result));
}

std::optional<Received> Stream::take_received() noexcept {
  if (unread_) {
    return Received{IoStatus::ok, std::move(unread_)};
  }
  if (tls_) {
    std::optional<Received> ended = take_ended();
    if (ended) {
      return ended;
    }
  }
  if (receive_.state() != reactor::Operation::State::done) {
    return std::nullopt;
  }
  Received came = received(receive_.await_resume());
  return tls_ ? decrypted(std::move(came)) : std::optional(std::move(came));
}

int Stream::send_flags() const noexcept {
  return end_follows_ ? MSG_MORE : 0;
}

std::ptrdiff_t Stream::try_send(std::string_view bytes) noexcept {
  if (tls_) {
    return try_send_encrypted(bytes);
  }
  // Not by send(): in a process with threads that is a point of cancellation, with atomic
  // operations before and behind each call.
  const long sent = ::syscall(SYS_sendto, socket_.get(), bytes.data(), bytes.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL | send_flags(), nullptr, 0);
  if (sent >= 0) {
    return sent;
  }
  return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

Task<IoStatus> Stream::send(std::string_view bytes, Clock::duration stall_timeout) {
  return tls_ ? send_encrypted(bytes, stall_timeout) : send_as_it_is(bytes, stall_timeout);
}

Task<IoStatus> Stream::send_as_it_is(std::string_view bytes, Clock::duration stall_timeout) {
  const std::ptrdiff_t sent_at_once = tls_ ? 0 : try_send(bytes);
  if (sent_at_once < 0) {
    co_return IoStatus::broken;
  }
  bytes.remove_prefix(static_cast<std::size_t>(sent_at_once));
  if (bytes.empty()) {
    co_return IoStatus::ok;
  }
  reactor::Send send(socket_.get(), bytes);
  Deadline stall(send);
  while (!bytes.empty()) {
    send.set(bytes);
    if (stall_timeout > Clock::duration::zero()) {
      stall.set(reactor::Reactor::current().now() + stall_timeout);
    }
    const reactor::CountResult result = co_await send;
    const IoStatus status = status_of(result.error, stall);
    if (status != IoStatus::ok) {
      co_return status;
    }
    bytes.remove_prefix(result.count);
  }
  co_return IoStatus::ok;
}

void Stream::reset_on_close() noexcept {
  if (tls_) {
    tls_->fail();
  }
  end_follows_ = false;
  const struct linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Task<void> Stream::linger(Clock::duration timeout, std::size_t bytes_max) {
  if (tls_) {
    end_tls();
    co_await send_waiting_records(timeout);
  }
  ::shutdown(socket_.get(), SHUT_WR);
  end_follows_ = false;
  set_receive_deadline(reactor::Reactor::current().now() + timeout);
  std::size_t discarded = std::exchange(unread_, {}).bytes().size();
  while (discarded < bytes_max) {
    receive_deadline_.set(receive_deadline_.deadline());
    reactor::BufferResult result = co_await receive_;
    const Received came = received(std::move(result));
    if (came.status != IoStatus::ok) {
      break;
    }
    discarded += came.buffer.bytes().size();
  }
}

Task<void> Stream::abandon() {
  stop_watching();
  if (tls_) {
    end_tls();
  }
  if (end_follows_) {
    // A close would drop what was held back if the client has sent more than it should have.
    ::shutdown(socket_.get(), SHUT_WR);
  }
  receive_.cancel();
  if (receive_.in_flight()) {
    static_cast<void>(co_await receive_);
  }
}

}  // namespace uringcorn::net
