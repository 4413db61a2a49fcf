// SPDX-License-Identifier: MIT
#include "net/tls/context.hpp"

#include <fmt/format.h>

#include <mutex>

#include "net/tls/cipher_list.hpp"
#include "net/tls/error.hpp"
#include "net/tls/ocsp.hpp"
#include "net/tls/session.hpp"
#include "net/tls/ticket_keys.hpp"
#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
namespace {

void initialise_library() {
  static std::once_flag once;
  std::call_once(once, [] { wolfSSL_Init(); });
}

void load_identity(WOLFSSL_CTX* context, const Identity& identity) {
  int result = wolfSSL_CTX_use_certificate_chain_buffer_format(
      context, bytes_of(identity.certificate_pem),
      static_cast<long>(identity.certificate_pem.size()), WOLFSSL_FILETYPE_PEM);
  if (result != WOLFSSL_SUCCESS) {
    throw TlsError(fmt::format("the certificate in {} cannot be used: {} (--certfile)",
                               identity.certificate_file, error_text(result)));
  }
  result = wolfSSL_CTX_use_PrivateKey_buffer(context, bytes_of(identity.key_pem),
                                             static_cast<long>(identity.key_pem.size()),
                                             WOLFSSL_FILETYPE_PEM);
  if (result != WOLFSSL_SUCCESS) {
    throw TlsError(
        fmt::format("the key in {} cannot be used: {} (--keyfile; RSA, P-256, P-384,"
                    " P-521 and Ed25519 keys can)",
                    identity.key_file, error_text(result)));
  }
  if (wolfSSL_CTX_check_private_key(context) != WOLFSSL_SUCCESS ||
      !share_curve_key(identity.certificate_pem, identity.key_pem)) {
    throw TlsError(
        fmt::format("the key in {} is not that of the certificate in {} (--keyfile,"
                    " --certfile: several pairs are matched by their order)",
                    identity.key_file, identity.certificate_file));
  }
}

void set_versions_and_ciphers(WOLFSSL_CTX* context, const settings::TlsSettings& settings) {
  const int least =
      settings.tls_min == settings::TlsVersion::tls_1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  const std::string ciphers = wolfssl_cipher_list(settings.ciphers);
  if (wolfSSL_CTX_SetMinVersion(context, least) != WOLFSSL_SUCCESS ||
      wolfSSL_CTX_set_cipher_list(context, ciphers.c_str()) != WOLFSSL_SUCCESS) {
    throw TlsError(
        fmt::format("the cipher suites {} cannot be used with this wolfSSL (--ciphers)", ciphers));
  }
}

void ask_for_certificates(WOLFSSL_CTX* context, const Material& material) {
  const settings::TlsSettings& settings = material.settings;
  if (settings.cert_reqs == settings::CertReqs::none) {
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_NONE, nullptr);
    return;
  }
  const std::string& pem = material.authorities_pem;
  const int result = wolfSSL_CTX_load_verify_buffer(
      context, bytes_of(pem), static_cast<long>(pem.size()), WOLFSSL_FILETYPE_PEM);
  if (result != WOLFSSL_SUCCESS) {
    throw TlsError(fmt::format("the authorities in {} cannot be used: {} (--ca-certs)",
                               settings.ca_certs, error_text(result)));
  }
  const int must =
      settings.cert_reqs == settings::CertReqs::required ? WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER | must, Session::on_client_certificate);
}

void set_tickets(WOLFSSL_CTX* context, const Material& material, const TicketKeys* tickets) {
  if (tickets == nullptr || material.settings.cert_reqs != settings::CertReqs::none) {
    wolfSSL_CTX_NoTicketTLSv12(context);
    wolfSSL_CTX_no_ticket_TLSv13(context);
    return;
  }
  wolfSSL_CTX_set_TicketEncCb(context, TicketKeys::on_ticket);
  wolfSSL_CTX_set_TicketEncCtx(context, const_cast<TicketKeys*>(tickets));
  const auto lifetime = static_cast<int>(tickets->lifetime().count());
  wolfSSL_CTX_set_TicketHint(context, lifetime);
#ifndef NO_SESSION_CACHE  // in which case it is a constant, longer than any lifetime
  wolfSSL_CTX_set_timeout(context, static_cast<unsigned>(lifetime));
#endif
}

}  // namespace

struct Context::Entry {
  std::vector<std::string> names;
  ContextPointer context;
};

Context::Context(std::shared_ptr<const Material> material, const TicketKeys* tickets)
    : material_(std::move(material)) {
  initialise_library();
  for (const Identity& identity : material_->identities) {
    ContextPointer context(wolfSSL_CTX_new(wolfSSLv23_server_method()));
    if (!context) {
      throw std::bad_alloc();
    }
    set_versions_and_ciphers(context.get(), material_->settings);
    load_identity(context.get(), identity);
    ask_for_certificates(context.get(), *material_);
    set_tickets(context.get(), *material_, tickets);
    staple(context.get(), identity, material_->settings);
    wolfSSL_CTX_SetIORecv(context.get(), Session::on_read);
    wolfSSL_CTX_SetIOSend(context.get(), Session::on_write);
    entries_.push_back({identity.facts.names, std::move(context)});
  }
}

Context::~Context() = default;

bool Context::is_single() const noexcept {
  return entries_.size() == 1;
}

WOLFSSL_CTX* Context::find(std::string_view name) const noexcept {
  // An exact name counts more than a wildcard, wherever it stands.
  const Entry* by_wildcard = nullptr;
  for (const Entry& entry : entries_) {
    for (const std::string& own : entry.names) {
      if (own == name) {
        return entry.context.get();
      }
      if (by_wildcard == nullptr && covers(own, name)) {
        by_wildcard = &entry;
      }
    }
  }
  return by_wildcard != nullptr ? by_wildcard->context.get() : entries_.front().context.get();
}

}  // namespace uringcorn::net::tls
