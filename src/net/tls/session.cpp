// SPDX-License-Identifier: MIT
#include "net/tls/session.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "net/tls/client_hello.hpp"
#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
Session::Session(std::shared_ptr<const Context> context, std::string_view protocols,
                 Workbench& workbench)
    : context_(std::move(context)), workbench_(workbench), protocols_(protocols) {
  if (context_->is_single() && !make_connection({})) {
    throw std::bad_alloc();
  }
}

Session::~Session() {
  wolfSSL_free(connection_);
}

// ---- the handshake

std::string_view Session::handshake(std::string_view received) noexcept {
  if (connection_ == nullptr) {
    try {
      hello_.append(received);
      if (!choose_certificate()) {
        return {};
      }
    } catch (const std::bad_alloc&) {
      fail();
      return {};
    }
    received = hello_;
  } else {
    std::string().swap(hello_);
  }
  incoming_ = received;
  const int result = wolfSSL_accept(connection_);
  if (result == WOLFSSL_SUCCESS) {
    state_ = State::open;
  } else {
    note_error(result);
  }
  return std::exchange(incoming_, {});
}

/// False: more of the client's first message has to come.
bool Session::choose_certificate() {
  const std::optional<ClientHello> hello = read_client_hello(hello_);
  if (!hello) {
    return false;
  }
  if (!make_connection(hello->server_name)) {
    throw std::bad_alloc();
  }
  return true;
}

bool Session::make_connection(std::string_view name) {
  connection_ = wolfSSL_new(context_->find(name));
  if (connection_ == nullptr) {
    return false;
  }
  wolfSSL_SetIOReadCtx(connection_, this);
  wolfSSL_SetIOWriteCtx(connection_, this);
  wolfSSL_SetCertCbCtx(connection_, this);
  return wolfSSL_UseALPN(connection_, const_cast<char*>(protocols_.data()),
                         static_cast<unsigned>(protocols_.size()),
                         WOLFSSL_ALPN_FAILED_ON_MISMATCH) == WOLFSSL_SUCCESS;
}

std::string_view Session::protocol() const noexcept {
  char* name = nullptr;
  unsigned short length = 0;
  if (wolfSSL_ALPN_GetProtocol(connection_, &name, &length) != WOLFSSL_SUCCESS) {
    return {};
  }
  return {name, length};
}

void Session::note_error(int result) noexcept {
  const int error = wolfSSL_get_error(connection_, result);
  if (error == WOLFSSL_ERROR_WANT_READ) {
    return;
  }
  if (error == WOLFSSL_ERROR_ZERO_RETURN && state_ == State::open) {
    state_ = State::ended;
    return;
  }
  error_ = error;
  if (state_ == State::handshake && !has_sent_alert() && may_write_in_the_clear()) {
    write_alert();
  }
  state_ = State::failed;
}

/// wolfSSL leaves some clients without a word, those without a common cipher suite for instance.
bool Session::has_sent_alert() const noexcept {
  WOLFSSL_ALERT_HISTORY history{};
  return wolfSSL_get_alert_history(connection_, &history) == WOLFSSL_SUCCESS &&
         history.last_tx.level == alert_fatal;
}

/// In TLS 1.3 everything behind the server's first message is encrypted; before, only the last is.
bool Session::may_write_in_the_clear() const noexcept {
  return !has_written_ || wolfSSL_version(connection_) != TLS1_3_VERSION;
}

void Session::write_alert() noexcept {
  constexpr std::string_view k_handshake_failure("\x15\x03\x03\x00\x02\x02\x28", 7);
  try {
    workbench_.records().append(k_handshake_failure);
  } catch (const std::bad_alloc&) {
    // The end of the connection says the same.
  }
}

std::string Session::failure() const {
  if (connection_ == nullptr) {
    return "it is not TLS";
  }
  if (error_ == 0) {
    return "the connection broke";
  }
  return error_text(error_);
}

// ---- data

reactor::Buffer Session::decrypt(std::string_view received) noexcept {
  if (state_ != State::open) {
    return {};
  }
  char* const room = workbench_.plaintext_room();
  if (room == nullptr) {
    fail();
    return {};
  }
  incoming_ = received;
  std::size_t length = 0;
  while (state_ == State::open && (!incoming_.empty() || wolfSSL_pending(connection_) > 0)) {
    const std::size_t left = workbench_.plaintext_size() - length;
    const int result = wolfSSL_read(connection_, room + length, static_cast<int>(left));
    if (result > 0) {
      length += static_cast<std::size_t>(result);
    } else {
      note_error(result);
    }
  }
  incoming_ = {};
  std::string().swap(hello_);
  return length > 0 ? workbench_.lend_plaintext(length) : reactor::Buffer();
}

bool Session::encrypt(std::string_view plaintext) noexcept {
  if (state_ != State::open && state_ != State::ended) {
    return false;
  }
  const int result =
      wolfSSL_write(connection_, plaintext.data(), static_cast<int>(plaintext.size()));
  if (result != static_cast<int>(plaintext.size())) {
    fail();
    return false;
  }
  return true;
}

void Session::end() noexcept {
  if (state_ == State::open || state_ == State::ended) {
    wolfSSL_shutdown(connection_);
  }
}

// ---- what wolfSSL calls

int Session::on_read(WOLFSSL*, char* into, int size, void* session) {
  std::string_view& incoming = static_cast<Session*>(session)->incoming_;
  if (incoming.empty()) {
    return WOLFSSL_CBIO_ERR_WANT_READ;
  }
  const std::size_t count = std::min(incoming.size(), static_cast<std::size_t>(size));
  std::memcpy(into, incoming.data(), count);
  incoming.remove_prefix(count);
  return static_cast<int>(count);
}

int Session::on_write(WOLFSSL*, char* bytes, int size, void* session) {
  auto& self = *static_cast<Session*>(session);
  try {
    self.workbench_.records().append({bytes, static_cast<std::size_t>(size)});
    self.has_written_ = true;
    return size;
  } catch (const std::bad_alloc&) {
    return WOLFSSL_CBIO_ERR_GENERAL;
  }
}

/// Called for each certificate of the chain, the client's own last; or once, without one.
int Session::on_client_certificate(int is_verified, WOLFSSL_X509_STORE_CTX* store) {
  if (is_verified == 0 || store->error_depth > 0 || store->totalCerts == 0) {
    return is_verified;
  }
  try {
    auto& session = *static_cast<Session*>(store->userCtx);
    const WOLFSSL_BUFFER_INFO& own = store->certs[0];
    std::optional<ClientCertificate> client =
        describe_client({reinterpret_cast<const char*>(own.buffer), own.length});
    if (!client) {
      return 0;
    }
    session.client_ = std::make_unique<ClientCertificate>(std::move(*client));
    return 1;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

}  // namespace uringcorn::net::tls
