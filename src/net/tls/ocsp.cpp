// SPDX-License-Identifier: MIT
#include "net/tls/ocsp.hpp"

#include <fmt/format.h>

#include <memory>
#include <new>
#include <string_view>

#include "net/tls/error.hpp"
#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
namespace {

/// wolfSSL wants a URL to ask; the file counts whatever the certificate says about where to.
constexpr const char* k_no_url = "file:";
constexpr int k_options = WOLFSSL_OCSP_URL_OVERRIDE | WOLFSSL_OCSP_NO_NONCE;

struct FreeManager {
  void operator()(WOLFSSL_CERT_MANAGER* manager) const noexcept {
    wolfSSL_CertManagerFree(manager);
  }
};

/// The chain behind the first certificate of a PEM text.
std::string_view issuers_of(std::string_view pem) noexcept {
  constexpr std::string_view k_end = "-----END CERTIFICATE-----";
  const std::size_t end = pem.find(k_end);
  return end == std::string_view::npos ? std::string_view() : pem.substr(end + k_end.size());
}

/// wolfSSL asks for the response when it needs it; nothing is fetched from anywhere.
int on_request(void* identity, const char*, int, unsigned char*, int, unsigned char** response) {
  const std::string& stapled = static_cast<const Identity*>(identity)->stapled;
  *response = reinterpret_cast<unsigned char*>(const_cast<char*>(stapled.data()));
  return static_cast<int>(stapled.size());
}

void on_response_used(void*, unsigned char*) {}

void require_support(const settings::TlsSettings& settings) {
#ifndef URINGCORN_BUNDLED_WOLFSSL
  throw TlsError(
      "an OCSP response (--ocsp-file) cannot be stapled with the wolfSSL of the system, which loses"
      " memory at each handshake then: build uringcorn with its own (subprojects/wolfssl.wrap)");
#endif
  if (settings.cert_reqs != settings::CertReqs::none) {
    throw TlsError(
        "an OCSP response (--ocsp-file) cannot be stapled where clients show certificates"
        " (--cert-reqs): whoever issued the server's certificate would vouch for clients, too");
  }
}

}  // namespace

void staple(WOLFSSL_CTX* context, const Identity& identity, const settings::TlsSettings& settings) {
  if (identity.ocsp_file.empty()) {
    return;
  }
  require_support(settings);
  const std::string_view issuers = issuers_of(identity.certificate_pem);
  const bool has_issuers =
      issuers.find("BEGIN CERTIFICATE") != std::string_view::npos &&
      wolfSSL_CTX_load_verify_buffer(context, bytes_of(issuers), static_cast<long>(issuers.size()),
                                     WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS;
  if (!has_issuers) {
    throw TlsError(
        fmt::format("the OCSP response (--ocsp-file) for {0} cannot be checked: put the"
                    " certificate of its issuer behind it into {0}",
                    identity.certificate_file));
  }
  wolfSSL_CTX_EnableOCSPStapling(context);
  wolfSSL_CTX_SetOCSP_OverrideURL(context, k_no_url);
  wolfSSL_CTX_EnableOCSP(context, k_options);
  wolfSSL_CTX_SetOCSP_Cb(context, on_request, on_response_used, const_cast<Identity*>(&identity));
}

/// What wolfSSL does at a handshake, before one.
std::string stapling_complaint(const Identity& identity) {
  if (identity.ocsp_file.empty()) {
    return {};
  }
  const std::unique_ptr<WOLFSSL_CERT_MANAGER, FreeManager> manager(wolfSSL_CertManagerNew());
  if (!manager) {
    throw std::bad_alloc();
  }
  const std::string_view issuers = issuers_of(identity.certificate_pem);
  wolfSSL_CertManagerLoadCABuffer(manager.get(), bytes_of(issuers),
                                  static_cast<long>(issuers.size()), WOLFSSL_FILETYPE_PEM);
  wolfSSL_CertManagerSetOCSPOverrideURL(manager.get(), k_no_url);
  wolfSSL_CertManagerEnableOCSP(manager.get(), k_options);
  wolfSSL_CertManagerSetOCSP_Cb(manager.get(), on_request, on_response_used,
                                const_cast<Identity*>(&identity));
  std::string certificate = first_certificate(identity.certificate_pem);
  const int result = wolfSSL_CertManagerCheckOCSP(
      manager.get(), reinterpret_cast<unsigned char*>(certificate.data()),
      static_cast<int>(certificate.size()));
  if (result == WOLFSSL_SUCCESS) {
    return {};
  }
  return fmt::format(
      "it must be about this certificate, say that it is good, be signed by its issuer and valid"
      " now (wolfSSL: {})",
      error_text(result));
}

}  // namespace uringcorn::net::tls
