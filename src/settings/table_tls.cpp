// SPDX-License-Identifier: MIT
// Rows of the table: TLS.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_week_ms = 7 * k_day_ms;

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "certfile",
     .flags = {"--certfile"},
     .group = Group::tls,
     .target = List{&S::certfile},
     .value_name = "FILE",
     .help = "A certificate with its chain (PEM); with one, TLS is served. May be given several "
             "times: clients get the one for the name they ask for, or the first.",
     .details = "The files are read again at HUP and whenever they change; what cannot be used is "
                "refused with a line in the log, and the old ones go on. See [TLS](tls.md)."},
    {.key = "keyfile",
     .flags = {"--keyfile"},
     .group = Group::tls,
     .target = List{&S::keyfile},
     .value_name = "FILE",
     .help = "The private key of the certificate (PEM, not encrypted); several in the order of "
             "the certificates.",
     .details = "Without any, each key is looked for in the certificate's file."},
    {.key = "ocsp_file",
     .flags = {"--ocsp-file"},
     .group = Group::tls,
     .target = List{&S::ocsp_file},
     .value_name = "FILE",
     .help = "An OCSP response (DER) that is stapled to the certificate; several in the order of "
             "the certificates.",
     .details = "Whoever renews the file (`openssl ocsp -respout`, a timer) need not tell the "
                "server."},
    {.key = "ca_certs",
     .flags = {"--ca-certs"},
     .group = Group::tls,
     .target = Text{&S::ca_certs},
     .value_name = "FILE",
     .help = "Who may have issued the certificates of clients (PEM)."},
    {.key = "cert_reqs",
     .flags = {"--cert-reqs"},
     .group = Group::tls,
     .target = ClientCertificates{&S::cert_reqs},
     .value_name = "WHETHER",
     .help = "Whether clients show certificates: none, optional or required (or 0, 1, 2).",
     .details = "One that is shown has to be valid, also where it is optional. The application "
                "finds it in `Request::client_certificate()`."},
    {.key = "ciphers",
     .flags = {"--ciphers"},
     .group = Group::tls,
     .target = Text{&S::ciphers},
     .value_name = "LIST",
     .help = "Cipher suites in the order of preference, with colons between, by OpenSSL's or "
             "IANA's names. Empty: all that are secure, the fastest first."},
    {.key = "tls_min",
     .flags = {"--tls-min"},
     .group = Group::tls,
     .target = Tls{&S::tls_min},
     .value_name = "VERSION",
     .help = "The oldest version of TLS that is spoken: 1.2 or 1.3."},
    {.key = "tls_handshake_timeout",
     .flags = {"--tls-handshake-timeout"},
     .group = Group::tls,
     .target = Duration{&S::tls_handshake_timeout},
     .value_name = "TIME",
     .help = "How long a client may take for its TLS handshake. 0: as long as it likes.",
     .maximum = k_day_ms},
    {.key = "tls_handshakes",
     .flags = {"--tls-handshakes"},
     .group = Group::tls,
     .target = Count{&S::tls_handshakes},
     .value_name = "INT",
     .help = "TLS handshakes that one worker has under way at a time. At the limit the longest of "
             "them is given up for the next.",
     .minimum = 1,
     .maximum = 1'000'000},
    {.key = "tls_ticket_lifetime",
     .flags = {"--tls-ticket-lifetime"},
     .group = Group::tls,
     .target = Duration{&S::tls_ticket_lifetime},
     .value_name = "TIME",
     .help = "How long a client may resume its TLS session, with any worker. 0: never.",
     .details = "A new key is made after each half of it, and forgotten after one and a half. It "
                "changes at a restart only.",
     .minimum = 0,
     .maximum = k_week_ms},
};

}  // namespace

std::span<const Setting> tls_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
