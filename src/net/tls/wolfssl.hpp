// SPDX-License-Identifier: MIT
// The one place where wolfSSL's headers are included, with the settings that it was built with.
#pragma once

#ifndef WOLFSSL_USER_SETTINGS  // the system's, not ours
#include <wolfssl/options.h>
#endif
#include <wolfssl/wolfcrypt/settings.h>
// First the settings, then what obeys them.
#include <wolfssl/error-ssl.h>
#include <wolfssl/ocsp.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfio.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace uringcorn::net::tls {

inline const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// What wolfSSL says of one of its error codes.
inline std::string error_text(int error) {
  std::array<char, WOLFSSL_MAX_ERROR_SZ> text{};
  wolfSSL_ERR_error_string_n(static_cast<unsigned long>(error), text.data(), text.size());
  return text.data();
}

struct FreeContext {
  void operator()(WOLFSSL_CTX* context) const noexcept { wolfSSL_CTX_free(context); }
};
using ContextPointer = std::unique_ptr<WOLFSSL_CTX, FreeContext>;

struct FreeConnection {
  void operator()(WOLFSSL* connection) const noexcept { wolfSSL_free(connection); }
};
using ConnectionPointer = std::unique_ptr<WOLFSSL, FreeConnection>;

}  // namespace uringcorn::net::tls
