// SPDX-License-Identifier: MIT
// OCSP stapling (RFC 6066, section 8): the server shows what the issuer says of its certificate.
#pragma once

#include <string>

#include "net/tls/material.hpp"

struct WOLFSSL_CTX;

namespace uringcorn::net::tls {

/// Has `context` send the response of `identity`, which must outlive it, as long as that is good:
/// see stapling_complaint(). Does nothing without one. Throws TlsError.
void staple(WOLFSSL_CTX* context, const Identity& identity, const settings::TlsSettings& settings);

/// Why the response of `identity` is not sent now; empty: it is, or there is none.
std::string stapling_complaint(const Identity& identity);

}  // namespace uringcorn::net::tls
