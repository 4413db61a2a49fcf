// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/client_certificate.hpp>

namespace uringcorn::net::tls {

/// What the server itself needs to know of one of its certificates.
struct CertificateFacts {
  /// The DNS names that it is for, in lower case: its alternative names, or its common name if it
  /// has none. "*.shop.example" stands for one label in the place of the star.
  std::vector<std::string> names;
  std::chrono::sys_seconds not_after;
};

/// Reads the first certificate of a PEM text; nothing if there is none that can be read.
std::optional<CertificateFacts> read_certificate(std::string_view pem);

/// The first certificate of a PEM text in its DER form; empty: there is none.
std::string first_certificate(std::string_view pem);

/// Whether both, PEM texts, are of the same key on one of NIST's curves; true if they are not of
/// such keys. (wolfSSL checks pairs itself, but not these, unless it is built with SP math.)
bool share_curve_key(std::string_view certificate_pem, std::string_view key_pem);

/// Describes a client's certificate, which has been verified, from its DER form.
std::optional<ClientCertificate> describe_client(std::string_view der);

/// Whether a certificate's name covers the name that a client asks for, which is in lower case.
bool covers(std::string_view certificate_name, std::string_view asked) noexcept;

/// "2026-11-25 13:00:00 UTC".
std::string date_text(std::chrono::sys_seconds time);

}  // namespace uringcorn::net::tls
