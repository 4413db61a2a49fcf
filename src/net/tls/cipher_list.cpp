// SPDX-License-Identifier: MIT
#include "net/tls/cipher_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/escape.hpp"
#include "net/tls/error.hpp"

namespace uringcorn::net::tls {
namespace {

struct Suite {
  std::string_view name;     ///< OpenSSL's; for TLS 1.3 it is IANA's, too
  std::string_view iana;     ///< where it is another
  std::string_view wolfssl;  ///< where it is another
};

/// Every suite that is spoken. All have forward secrecy and authenticated encryption, so among them
/// the fastest is the best.
constexpr std::array k_suites{
    Suite{"TLS_AES_128_GCM_SHA256", "", "TLS13-AES128-GCM-SHA256"},
    Suite{"TLS_AES_256_GCM_SHA384", "", "TLS13-AES256-GCM-SHA384"},
    Suite{"TLS_CHACHA20_POLY1305_SHA256", "", "TLS13-CHACHA20-POLY1305-SHA256"},
    Suite{"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ""},
    Suite{"ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ""},
    Suite{"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", ""},
    Suite{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ""},
    Suite{"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", ""},
    Suite{"ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ""},
};

/// With the processor's own instructions AES takes half the time of ChaCha20, without them several
/// times as much: docs/tls.md has the measurement.
#ifdef WOLFSSL_AESNI
constexpr bool k_aes_is_fast = true;
#else
constexpr bool k_aes_is_fast = false;
#endif

bool is_aes(const Suite& suite) noexcept {
  return suite.name.find("AES") != std::string_view::npos;
}

constexpr std::string_view k_separators = ":, ";

const Suite* find_suite(std::string_view name) noexcept {
  const auto* const found =
      std::find_if(k_suites.begin(), k_suites.end(), [name](const Suite& suite) {
        return suite.name == name || suite.iana == name || suite.wolfssl == name;
      });
  return found == k_suites.end() ? nullptr : found;
}

[[noreturn]] void refuse(std::string_view name) {
  std::string known;
  for (const Suite& suite : k_suites) {
    known += known.empty() ? "" : ", ";
    known += suite.name;
  }
  throw TlsError(
      fmt::format("\"{}\" is none of the cipher suites that are spoken: {}", escaped(name), known));
}

void append(std::string& list, const Suite& suite) {
  list += list.empty() ? "" : ":";
  list += suite.wolfssl.empty() ? suite.name : suite.wolfssl;
}

}  // namespace

std::string wolfssl_cipher_list(std::string_view names) {
  std::string list;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find_first_of(k_separators));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    if (name.empty()) {
      continue;
    }
    const Suite* const suite = find_suite(name);
    if (suite == nullptr) {
      refuse(name);
    }
    append(list, *suite);
  }
  if (list.empty()) {
    for (const bool aes : {k_aes_is_fast, !k_aes_is_fast}) {
      for (const Suite& suite : k_suites) {
        if (is_aes(suite) == aes) {
          append(list, suite);
        }
      }
    }
  }
  return list;
}

std::string cipher_list_complaint(const std::string& names) {
  try {
    wolfssl_cipher_list(names);
    return {};
  } catch (const TlsError& error) {
    return error.what();
  }
}

}  // namespace uringcorn::net::tls
