// SPDX-License-Identifier: MIT
#include "net/tls/certificate.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "net/tls/wolfssl.hpp"

namespace uringcorn::net::tls {
namespace {

/// A certificate taken apart. It refers to the bytes that it was made from.
class Parsed {
 public:
  explicit Parsed(std::string_view der) noexcept {
    wc_InitDecodedCert(&certificate_, bytes_of(der), static_cast<word32>(der.size()), nullptr);
    valid_ = !der.empty() && wc_ParseCert(&certificate_, CERT_TYPE, NO_VERIFY, nullptr) == 0;
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;
  ~Parsed() { wc_FreeDecodedCert(&certificate_); }

  bool valid() const noexcept { return valid_; }
  const DecodedCert* operator->() const noexcept { return &certificate_; }

 private:
  DecodedCert certificate_{};
  bool valid_ = false;
};

/// The first thing of a type (CERT_TYPE, ...) in a PEM text, in its DER form.
class FromPem {
 public:
  FromPem(std::string_view pem, int type) noexcept {
    EncryptedInfo info{};
    if (wc_PemToDer(bytes_of(pem), static_cast<long>(pem.size()), type, &der_, nullptr, &info,
                    nullptr) != 0) {
      wc_FreeDer(&der_);
    }
  }
  FromPem(const FromPem&) = delete;
  FromPem& operator=(const FromPem&) = delete;
  ~FromPem() { wc_FreeDer(&der_); }

  /// Empty: there is none.
  std::string_view der() const noexcept {
    return der_ == nullptr
               ? std::string_view()
               : std::string_view(reinterpret_cast<const char*>(der_->buffer), der_->length);
  }

 private:
  DerBuffer* der_ = nullptr;
};

/// A key on one of NIST's curves.
class CurveKey {
 public:
  CurveKey() noexcept { wc_ecc_init(&key_); }
  CurveKey(const CurveKey&) = delete;
  CurveKey& operator=(const CurveKey&) = delete;
  ~CurveKey() { wc_ecc_free(&key_); }

  bool read_public(const unsigned char* der, word32 size) noexcept {
    word32 index = 0;
    return wc_EccPublicKeyDecode(der, &index, &key_, size) == 0;
  }
  /// Whatever public key the file may have: the one that counts is computed.
  bool read_private(std::string_view der) noexcept {
    word32 index = 0;
    return wc_EccPrivateKeyDecode(bytes_of(der), &index, &key_, static_cast<word32>(der.size())) ==
               0 &&
           wc_ecc_make_pub(&key_, nullptr) == 0;
  }
  /// The public key (X9.63).
  std::string point() {
    std::array<unsigned char, 2 * MAX_ECC_BYTES + 1> bytes;
    auto size = static_cast<word32>(bytes.size());
    return wc_ecc_export_x963(&key_, bytes.data(), &size) == 0
               ? std::string(bytes.begin(), bytes.begin() + size)
               : std::string();
  }

 private:
  ecc_key key_{};
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::string hexadecimal(const unsigned char* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  }
  return text;
}

std::string_view text_of(const DNS_entry& entry) noexcept {
  return {entry.name, static_cast<std::size_t>(entry.len)};
}

std::string_view common_name(const Parsed& certificate) noexcept {
  if (certificate->subjectCN == nullptr) {
    return {};
  }
  return {certificate->subjectCN, static_cast<std::size_t>(certificate->subjectCNLen)};
}

std::vector<std::string> names_of(const Parsed& certificate) {
  std::vector<std::string> names;
  for (const DNS_entry* entry = certificate->altNames; entry != nullptr; entry = entry->next) {
    if (entry->type == ASN_DNS_TYPE) {
      names.push_back(lower_case(text_of(*entry)));
    }
  }
  if (names.empty() && !common_name(certificate).empty()) {
    names.push_back(lower_case(common_name(certificate)));
  }
  return names;
}

std::optional<std::chrono::sys_seconds> end_of(const Parsed& certificate) noexcept {
  const byte* date = nullptr;
  byte format = 0;
  int length = 0;
  std::tm calendar{};
  if (wc_GetDateInfo(certificate->afterDate, certificate->afterDateLen, &date, &format, &length) !=
          0 ||
      wc_GetDateAsCalendarTime(date, length, format, &calendar) != 0) {
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&calendar)));
}

std::string address_text(const DNS_entry& entry) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = entry.len == sizeof(in_addr) ? AF_INET : AF_INET6;
  const bool is_address = entry.len == sizeof(in_addr) || entry.len == sizeof(in6_addr);
  if (!is_address || ::inet_ntop(family, entry.name, text.data(), text.size()) == nullptr) {
    return {};
  }
  return text.data();
}

void append_names(const DNS_entry* entry, std::vector<std::string>& names) {
  for (; entry != nullptr; entry = entry->next) {
    switch (entry->type) {
      case ASN_DNS_TYPE:
        names.push_back(fmt::format("DNS:{}", text_of(*entry)));
        break;
      case ASN_RFC822_TYPE:
        names.push_back(fmt::format("email:{}", text_of(*entry)));
        break;
      case ASN_URI_TYPE:
        names.push_back(fmt::format("URI:{}", text_of(*entry)));
        break;
      case ASN_IP_TYPE:
        names.push_back(fmt::format("IP:{}", address_text(*entry)));
        break;
      default:
        break;  // directory names and the like have no text form that everybody knows
    }
  }
}

}  // namespace

std::optional<CertificateFacts> read_certificate(std::string_view pem) {
  const FromPem bytes(pem, CERT_TYPE);
  const Parsed certificate(bytes.der());
  const auto end = certificate.valid() ? end_of(certificate) : std::nullopt;
  if (!end) {
    return std::nullopt;
  }
  return CertificateFacts{names_of(certificate), *end};
}

std::string first_certificate(std::string_view pem) {
  return std::string(FromPem(pem, CERT_TYPE).der());
}

bool share_curve_key(std::string_view certificate_pem, std::string_view key_pem) {
  const FromPem certificate_bytes(certificate_pem, CERT_TYPE);
  const FromPem key_bytes(key_pem, PRIVATEKEY_TYPE);
  const Parsed certificate(certificate_bytes.der());
  CurveKey certified;
  CurveKey own;
  if (!certificate.valid() || certificate->keyOID != ECDSAk ||
      !certified.read_public(certificate->publicKey, certificate->pubKeySize) ||
      !own.read_private(key_bytes.der())) {
    return true;
  }
  return certified.point() == own.point();
}

std::optional<ClientCertificate> describe_client(std::string_view der) {
  const Parsed certificate(der);
  std::array<unsigned char, WC_SHA256_DIGEST_SIZE> digest;
  if (!certificate.valid() ||
      wc_Sha256Hash(bytes_of(der), static_cast<word32>(der.size()), digest.data()) != 0) {
    return std::nullopt;
  }
  ClientCertificate client{
      .subject = certificate->subject,
      .common_name = std::string(common_name(certificate)),
      .issuer = certificate->issuer,
      .serial = hexadecimal(certificate->serial, static_cast<std::size_t>(certificate->serialSz)),
      .alternative_names = {},
      .fingerprint = hexadecimal(digest.data(), digest.size())};
  append_names(certificate->altNames, client.alternative_names);
  append_names(certificate->altEmailNames, client.alternative_names);
  return client;
}

bool covers(std::string_view certificate_name, std::string_view asked) noexcept {
  if (!certificate_name.starts_with("*.")) {
    return certificate_name == asked;
  }
  const std::size_t dot = asked.find('.');
  return dot != std::string_view::npos && dot > 0 &&
         certificate_name.substr(1) == asked.substr(dot);
}

std::string date_text(std::chrono::sys_seconds time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm calendar{};
  ::gmtime_r(&seconds, &calendar);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%F %T UTC", &calendar);
  return {text.data(), length};
}

}  // namespace uringcorn::net::tls
