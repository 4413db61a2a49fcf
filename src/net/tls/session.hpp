// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <uringcorn/cancel.hpp>
#include <uringcorn/client_certificate.hpp>

#include "net/io_status.hpp"
#include "net/tls/context.hpp"
#include "net/tls/outbox.hpp"
#include "net/tls/workbench.hpp"
#include "reactor/buffer_pool.hpp"

struct WOLFSSL;
struct WOLFSSL_X509_STORE_CTX;

namespace uringcorn::net::tls {

/// What may be offered to clients by ALPN (RFC 7301): protocols with commas between, the preferred
/// one first. A client that asks for none of them is refused, one that does not ask gets HTTP/1.1.
inline constexpr std::string_view k_http_1 = "http/1.1";
inline constexpr std::string_view k_http_2 = "h2";
inline constexpr std::string_view k_http_2_or_1 = "h2,http/1.1";

/// One connection's TLS, from bytes to bytes: it never touches a socket, and never waits. What it
/// has to send, it leaves in the workbench's records(), to be taken after each call.
class Session {
 public:
  enum class State : std::uint8_t {
    handshake,
    open,
    ended,   ///< nothing more comes from the peer
    failed,  ///< of no use any more; what is left in records() is an alert
  };

  /// `protocols` is offered by ALPN. All but the context must outlive it. Throws std::bad_alloc.
  Session(std::shared_ptr<const Context> context, std::string_view protocols, Workbench& workbench);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  State state() const noexcept { return state_; }

  /// Takes what the client sent, until the handshake is over, and gives what is left of it then.
  std::string_view handshake(std::string_view received) noexcept;

  /// Takes what the client sent, and decrypts each record that is whole by then. Nothing comes of
  /// it while a record is not whole, and where the connection has ended or failed: see state().
  reactor::Buffer decrypt(std::string_view received) noexcept;
  /// Makes records of it. False: not possible any more.
  bool encrypt(std::string_view plaintext) noexcept;
  /// Makes the close_notify that tells the peer that it has everything.
  void end() noexcept;
  /// The peer will send nothing more; it may still receive.
  void end_of_input() noexcept {
    if (state_ == State::open) {
      state_ = State::ended;
    }
  }
  /// The connection is broken: there is nothing more to be said on it.
  void fail() noexcept { state_ = State::failed; }

  /// The protocol that was agreed upon by ALPN; empty: none was asked for.
  std::string_view protocol() const noexcept;
  const ClientCertificate* client() const noexcept { return client_.get(); }
  /// Why the handshake failed, for the log.
  std::string failure() const;

  Outbox& outbox() noexcept { return outbox_; }
  Workbench& workbench() noexcept { return workbench_; }

  /// How much plaintext, from the front of what is to be sent next, is encrypted already and waits
  /// in the outbox.
  std::size_t encrypted_ahead = 0;
  /// Where the stream's receive goes on when it brought no whole record to a watcher.
  CancelScope* receive_scope = nullptr;
  /// How a receive ended that nobody awaited, until it is taken.
  std::optional<IoStatus> untaken;

  // What wolfSSL calls.
  static int on_read(WOLFSSL* connection, char* into, int size, void* session);
  static int on_write(WOLFSSL* connection, char* bytes, int size, void* session);
  static int on_client_certificate(int is_verified, WOLFSSL_X509_STORE_CTX* store);

 private:
  bool choose_certificate();
  bool make_connection(std::string_view name);
  void note_error(int result) noexcept;
  bool has_sent_alert() const noexcept;
  bool may_write_in_the_clear() const noexcept;
  void write_alert() noexcept;

  std::shared_ptr<const Context> context_;
  Workbench& workbench_;
  WOLFSSL* connection_ = nullptr;
  std::string_view protocols_;
  std::string_view incoming_;  ///< what wolfSSL did not take yet of what was received
  std::string hello_;          ///< while the client has not said which certificate it wants
  std::unique_ptr<const ClientCertificate> client_;
  Outbox outbox_;
  int error_ = 0;
  State state_ = State::handshake;
  bool has_written_ = false;
};

}  // namespace uringcorn::net::tls
