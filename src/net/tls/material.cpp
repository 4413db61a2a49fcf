// SPDX-License-Identifier: MIT
#include "net/tls/material.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "net/tls/context.hpp"
#include "net/tls/error.hpp"
#include "net/tls/ocsp.hpp"
#include "observe/log.hpp"

namespace uringcorn::net::tls {
namespace {

/// Far more than any chain, bundle of authorities or key has.
constexpr std::size_t k_file_max = 4 * 1024 * 1024;
/// Certificates are renewed weeks before their end; who comes so close to it has a broken renewal.
constexpr auto k_warn_before_end = std::chrono::days(7);

std::string read_file(const std::string& path, std::string_view what, std::string_view setting) {
  const auto fail = [&](std::string_view cause) {
    throw TlsError(fmt::format("cannot read {} {}: {} ({})", what, path, cause, setting));
  };
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) {
    fail(std::strerror(errno));
  }
  if (!S_ISREG(file.st_mode)) {
    fail("it is not a regular file");
  }
  if (file.st_size > static_cast<off_t>(k_file_max)) {
    fail("it is larger than 4 MiB");
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream || stream.bad()) {
    fail(std::strerror(errno));
  }
  return text;
}

void check_key(const Identity& identity) {
  const std::string_view pem = identity.key_pem;
  if (pem.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos ||
      pem.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos) {
    throw TlsError(
        fmt::format("the key in {0} is encrypted, and nobody is there to type its"
                    " passphrase: decrypt it with `openssl pkey -in {0} -out NEW_FILE`,"
                    " readable by the server alone (--keyfile)",
                    identity.key_file));
  }
  if (pem.find("PRIVATE KEY-----") == std::string_view::npos) {
    throw TlsError(
        fmt::format("there is no private key in PEM form in {} (--keyfile)", identity.key_file));
  }
}

Identity read_identity(const settings::TlsSettings& settings, std::size_t index) {
  Identity identity;
  identity.certificate_file = settings.certfile[index];
  // Like gunicorn: without a file of its own, the key is where the certificate is.
  identity.key_file =
      settings.keyfile.empty() ? identity.certificate_file : settings.keyfile[index];
  identity.certificate_pem = read_file(identity.certificate_file, "the certificate", "--certfile");
  const std::optional<CertificateFacts> facts = read_certificate(identity.certificate_pem);
  if (!facts) {
    throw TlsError(fmt::format("there is no certificate in PEM form in {} (--certfile)",
                               identity.certificate_file));
  }
  identity.facts = *facts;
  identity.key_pem = read_file(identity.key_file, "the key", "--keyfile");
  check_key(identity);
  if (index < settings.ocsp_file.size() && !settings.ocsp_file[index].empty()) {
    identity.ocsp_file = settings.ocsp_file[index];
    identity.stapled = read_file(identity.ocsp_file, "the OCSP response", "--ocsp-file");
  }
  return identity;
}

}  // namespace

std::shared_ptr<const Material> read_material(const settings::TlsSettings& settings) {
  auto material = std::make_shared<Material>();
  material->settings = settings;
  // Before they are read: what changes meanwhile is a change.
  material->fingerprint = fingerprint_of_files(settings);
  for (std::size_t index = 0; index < settings.certfile.size(); ++index) {
    material->identities.push_back(read_identity(settings, index));
  }
  if (!settings.ca_certs.empty()) {
    material->authorities_pem = read_file(settings.ca_certs, "the authorities", "--ca-certs");
  }
  // What only wolfSSL can tell, it tells when a context is made of it.
  const Context check(material, nullptr);
  return material;
}

bool has_expired(const Identity& identity) noexcept {
  return identity.facts.not_after < std::chrono::system_clock::now();
}

void refuse_expired(const Material& material,
                    const std::function<bool(const std::string& certificate_pem)>& serves) {
  for (const Identity& identity : material.identities) {
    if (has_expired(identity) && !serves(identity.certificate_pem)) {
      throw TlsError(fmt::format("the certificate in {} expired on {}", identity.certificate_file,
                                 date_text(identity.facts.not_after)));
    }
  }
}

bool has(const Material& material, std::string_view certificate_pem) {
  return std::any_of(material.identities.begin(), material.identities.end(),
                     [certificate_pem](const Identity& identity) {
                       return identity.certificate_pem == certificate_pem;
                     });
}

void warn_of_flaws(const Material& material) {
  for (const Identity& identity : material.identities) {
    const std::string date = date_text(identity.facts.not_after);
    if (has_expired(identity)) {
      observe::error("The certificate in {} expired on {}: clients will refuse it",
                     identity.certificate_file, date);
    } else if (identity.facts.not_after < std::chrono::system_clock::now() + k_warn_before_end) {
      observe::warning("The certificate in {} expires on {}", identity.certificate_file, date);
    }
    const std::string complaint = stapling_complaint(identity);
    if (!complaint.empty()) {
      observe::error("The OCSP response in {} is not sent with the certificate in {}: {}",
                     identity.ocsp_file, identity.certificate_file, complaint);
    }
  }
}

std::string fingerprint_of_files(const settings::TlsSettings& settings) {
  std::vector<std::string> files = settings.certfile;
  files.insert(files.end(), settings.keyfile.begin(), settings.keyfile.end());
  files.insert(files.end(), settings.ocsp_file.begin(), settings.ocsp_file.end());
  files.push_back(settings.ca_certs);
  std::string fingerprint;
  for (const std::string& path : files) {
    struct stat file{};
    if (!path.empty() && ::stat(path.c_str(), &file) == 0) {
      fmt::format_to(std::back_inserter(fingerprint), "{}:{}:{}.{}:{};", file.st_dev, file.st_ino,
                     file.st_mtim.tv_sec, file.st_mtim.tv_nsec, file.st_size);
    }
    fingerprint += '\n';
  }
  return fingerprint;
}

}  // namespace uringcorn::net::tls
