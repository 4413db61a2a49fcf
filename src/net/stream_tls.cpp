// SPDX-License-Identifier: MIT
// A stream with TLS: what the session makes of bytes, moved between it and the socket.
#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "net/stream.hpp"
#include "net/tls/session.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::net {
namespace {

/// What is encrypted before the socket is asked whether it takes it: four full records.
constexpr std::size_t k_encrypted_at_once = 64 * 1024;

}  // namespace

Task<IoStatus> Stream::start_tls(std::unique_ptr<tls::Session> session) {
  tls_ = std::move(session);
  while (tls_->state() == tls::Session::State::handshake) {
    Received came{IoStatus::ok, std::move(unread_)};
    if (!came.buffer) {
      receive_deadline_.set(receive_deadline_.deadline());
      reactor::BufferResult result = co_await receive_;
      came = received(std::move(result));
    }
    if (came.status != IoStatus::ok) {
      tls_->fail();
      co_return came.status;
    }
    const std::string_view rest = tls_->handshake(came.buffer.bytes());
    unread_ = tls_->decrypt(rest);
    came.buffer.release();
    const auto time_left = receive_deadline_.deadline() - reactor::Reactor::current().now();
    if (flush_records() != 0) {
      co_return IoStatus::broken;
    }
    const IoStatus sent = co_await send_waiting_records(std::max(time_left, Clock::duration(1)));
    if (sent != IoStatus::ok) {
      co_return sent;
    }
  }
  co_return tls_->state() == tls::Session::State::failed ? IoStatus::broken : IoStatus::ok;
}

std::string_view Stream::alpn() const noexcept {
  return tls_ ? tls_->protocol() : std::string_view();
}

const ClientCertificate* Stream::client_certificate() const noexcept {
  return tls_ ? tls_->client() : nullptr;
}

std::string Stream::tls_failure() const {
  return tls_->failure();
}

// ---- receiving

Task<Received> Stream::receive_encrypted() {
  if (unread_) {
    co_return Received{IoStatus::ok, std::move(unread_)};
  }
  std::optional<Received> outcome = take_ended();
  while (!outcome) {
    // A record may need more than one receive.
    receive_deadline_.set(receive_deadline_.deadline());
    reactor::BufferResult result = co_await receive_;
    outcome = decrypted(received(std::move(result)));
  }
  co_return *std::move(outcome);
}

/// How the receiving has ended, if it has.
std::optional<Received> Stream::take_ended() noexcept {
  if (tls_->untaken) {
    return Received{*std::exchange(tls_->untaken, std::nullopt), {}};
  }
  switch (tls_->state()) {
    case tls::Session::State::ended:
      return Received{IoStatus::end, {}};
    case tls::Session::State::failed:
      return Received{IoStatus::broken, {}};
    default:
      return std::nullopt;
  }
}

/// What comes of what was received; nothing while a record is not whole.
std::optional<Received> Stream::decrypted(Received received) noexcept {
  if (received.status == IoStatus::end) {
    // Without a close_notify it may be somebody else's doing; the framing of HTTP tells what is
    // whole and what is not.
    tls_->end_of_input();
  }
  if (received.status != IoStatus::ok) {
    return received;
  }
  reactor::Buffer plaintext = tls_->decrypt(received.buffer.bytes());
  // The answer to a key update, or an alert.
  if (flush_records() != 0) {
    tls_->fail();
  }
  if (plaintext) {
    return Received{IoStatus::ok, std::move(plaintext)};
  }
  return take_ended();
}

/// The receive that a watcher waits for is over.
void Stream::decrypt_for_watcher() noexcept {
  std::optional<Received> outcome = decrypted(received(receive_.await_resume()));
  if (!outcome) {
    receive_.start(tls_->receive_scope, this);
    return;
  }
  if (outcome->status == IoStatus::ok) {
    unread_ = std::move(outcome->buffer);
  } else {
    tls_->untaken = outcome->status;
  }
  std::exchange(watcher_, nullptr)->receive_ready(outcome->status);
}

// ---- sending

/// Sends what the session has made, as far as the socket takes it. Gives 0 or a negated errno.
int Stream::flush_records() noexcept {
  ByteBuffer& records = tls_->workbench().records();
  int error = 0;
  try {
    error = tls_->outbox().send(socket_.get(), records.view(), send_flags());
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  records.clear();
  return error;
}

std::ptrdiff_t Stream::try_send_encrypted(std::string_view bytes) noexcept {
  int error = flush_records();
  std::size_t taken = 0;
  while (error == 0 && tls_->outbox().empty()) {
    taken += std::exchange(tls_->encrypted_ahead, 0);
    const std::string_view piece = bytes.substr(taken, k_encrypted_at_once);
    if (piece.empty()) {
      break;
    }
    if (!tls_->encrypt(piece)) {
      return -EPIPE;
    }
    tls_->encrypted_ahead = piece.size();
    error = flush_records();
  }
  return error == 0 ? static_cast<std::ptrdiff_t>(taken) : error;
}

Task<IoStatus> Stream::send_encrypted(std::string_view bytes, Clock::duration stall_timeout) {
  for (;;) {
    const std::ptrdiff_t taken = try_send_encrypted(bytes);
    if (taken < 0) {
      co_return IoStatus::broken;
    }
    bytes.remove_prefix(static_cast<std::size_t>(taken));
    if (bytes.empty()) {
      co_return IoStatus::ok;
    }
    const IoStatus status = co_await send_waiting_records(stall_timeout);
    if (status != IoStatus::ok) {
      co_return status;
    }
  }
}

/// Waits until the socket has taken all that waits in the outbox.
Task<IoStatus> Stream::send_waiting_records(Clock::duration stall_timeout) {
  while (!tls_->outbox().empty()) {
    const std::string_view records = tls_->outbox().begin_operation();
    const IoStatus status = co_await send_as_it_is(records, stall_timeout);
    tls_->outbox().end_operation();
    if (status != IoStatus::ok) {
      tls_->fail();
      co_return status;
    }
  }
  co_return IoStatus::ok;
}

/// Says that this was everything. Whether it still arrives is up to the socket.
void Stream::end_tls() noexcept {
  tls_->end();
  flush_records();
}

}  // namespace uringcorn::net
