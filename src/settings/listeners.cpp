// SPDX-License-Identifier: MIT
#include "settings/listeners.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/escape.hpp"
#include "settings/error.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::string_view k_clear = "http://";
constexpr std::string_view k_tls = "https://";

void check(const TlsSettings& tls) {
  if (!tls.keyfile.empty() && tls.keyfile.size() != tls.certfile.size()) {
    throw SettingsError(
        fmt::format("there are {} certificates and {} keys: give one --keyfile for each --certfile,"
                    " or none if the keys are in the certificates' files",
                    tls.certfile.size(), tls.keyfile.size()));
  }
  if (tls.ocsp_file.size() > tls.certfile.size()) {
    throw SettingsError(
        fmt::format("there are {} OCSP responses and {} certificates: each"
                    " --ocsp-file is for the --certfile at the same place",
                    tls.ocsp_file.size(), tls.certfile.size()));
  }
  if (tls.cert_reqs != CertReqs::none && tls.ca_certs.empty()) {
    throw SettingsError(
        "clients shall show certificates (--cert-reqs), but nobody may have issued them: name the"
        " authorities (--ca-certs)");
  }
}

}  // namespace

bool is_of_listener(std::string_view key) {
  constexpr std::array<std::string_view, 7> k_keys{"certfile",  "keyfile", "ocsp_file", "ca_certs",
                                                   "cert_reqs", "ciphers", "tls_min"};
  return std::find(k_keys.begin(), k_keys.end(), key) != k_keys.end();
}

std::string_view without_scheme(std::string_view bind) {
  for (const std::string_view scheme : {k_clear, k_tls}) {
    if (bind.starts_with(scheme)) {
      return bind.substr(scheme.size());
    }
  }
  return bind;
}

ListenerSettings listener_at(std::string_view bind, const TlsSettings& tls) {
  ListenerSettings listener;
  listener.bind = without_scheme(bind);
  if (bind.starts_with(k_tls) && tls.certfile.empty()) {
    throw SettingsError(
        fmt::format("{} needs a certificate (--certfile, --keyfile)", escaped(bind)));
  }
  listener.is_tls = !tls.certfile.empty() && !bind.starts_with(k_clear);
  if (listener.is_tls) {
    check(tls);
    listener.tls = tls;
  }
  return listener;
}

}  // namespace uringcorn::settings
