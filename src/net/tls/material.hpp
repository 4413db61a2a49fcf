// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/tls/certificate.hpp"
#include "settings/settings.hpp"

namespace uringcorn::net::tls {

/// A certificate of the server with its chain and its key, as the files have them.
struct Identity {
  std::string certificate_file;
  std::string key_file;
  std::string certificate_pem;
  std::string key_pem;
  std::string ocsp_file;  ///< empty: nothing is stapled
  std::string stapled;    ///< what is in it
  CertificateFacts facts;
};

/// All that TLS on a listener needs of the file system, read before workers are forked: they need
/// not be allowed to read it themselves.
struct Material {
  settings::TlsSettings settings;
  std::vector<Identity> identities;  ///< at least one; the first is for clients that name no other
  std::string authorities_pem;       ///< who may have issued the clients' certificates
  /// Of the files when they were read: see fingerprint_of_files().
  std::string fingerprint;
};

/// Reads and checks the files that `settings` name: that they are there, in PEM form, keys without
/// passphrases, each key that of its certificate. Throws TlsError.
std::shared_ptr<const Material> read_material(const settings::TlsSettings& settings);

bool has_expired(const Identity& identity) noexcept;
/// Throws TlsError if a certificate of `material` has expired and does not serve already, as
/// `serves` tells of its PEM text: nobody replaces a good one by such a one on purpose.
void refuse_expired(const Material& material,
                    const std::function<bool(const std::string& certificate_pem)>& serves);
/// Whether one of its certificates is this one.
bool has(const Material& material, std::string_view certificate_pem);
/// Says in the error log which certificates have expired, or are about to, and which OCSP responses
/// are of no use.
void warn_of_flaws(const Material& material);

/// Changes when one of the files is replaced or written to.
std::string fingerprint_of_files(const settings::TlsSettings& settings);

}  // namespace uringcorn::net::tls
