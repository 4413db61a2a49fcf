// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace uringcorn::net::tls {

/// The names of `--ciphers`, in the order of preference and with colons between (commas and blanks
/// do as well), as wolfSSL wants them. OpenSSL's names and those of IANA's registry are known. An
/// empty list is the default one. Throws TlsError for a name that stands for no cipher suite which
/// is spoken here; it says which ones are.
std::string wolfssl_cipher_list(std::string_view names);

/// Nothing, or what is wrong with such a list.
std::string cipher_list_complaint(const std::string& names);

}  // namespace uringcorn::net::tls
