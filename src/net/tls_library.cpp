// SPDX-License-Identifier: MIT
#include "net/tls_library.hpp"

#ifndef WOLFSSL_USER_SETTINGS
#include <wolfssl/options.h>  // how the system's was built; ours has its own settings
#endif
#include <wolfssl/ssl.h>

namespace uringcorn::net {

std::string_view tls_library_version() noexcept {
  return ::wolfSSL_lib_version();
}

bool tls_library_is_bundled() noexcept {
  return URINGCORN_WOLFSSL_IS_BUNDLED;
}

}  // namespace uringcorn::net
