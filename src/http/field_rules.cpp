// SPDX-License-Identifier: MIT
#include "http/field_rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace uringcorn::http {
namespace {

constexpr std::uint64_t k_max_content_length =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr unsigned k_max_port = 65535;

bool is_port(std::string_view text) noexcept {
  unsigned port = 0;
  for (const char c : text) {
    if (!is_digit(c)) {
      return false;
    }
    port = port * 10 + static_cast<unsigned>(c - '0');
    if (port > k_max_port) {
      return false;
    }
  }
  return true;
}

bool is_ipv6_address(std::string_view text) noexcept {
  char address[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(address)) {
    return false;
  }
  std::copy(text.begin(), text.end(), address);
  address[text.size()] = '\0';
  in6_addr parsed;
  // An embedded NUL would end the text early for inet_pton; the length tells.
  return std::strlen(address) == text.size() && ::inet_pton(AF_INET6, address, &parsed) == 1;
}

/// The length of the registered name or IPv4 address at the start of `text`.
std::size_t registered_name_length(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (is_in_class(text[i], k_host_char)) [[likely]] {
      continue;
    }
    const bool is_escape = text[i] == '%' && text.size() - i > 2 &&
                           is_in_class(text[i + 1], k_hex_digit) &&
                           is_in_class(text[i + 2], k_hex_digit);
    if (!is_escape) {
      break;
    }
    i += 2;
  }
  return i;
}

/// The length of the bracketed IPv6 address at the start of `text`, or 0.
std::size_t ip_literal_length(std::string_view text) noexcept {
  const std::size_t bracket = text.find(']');
  if (bracket == std::string_view::npos || !is_ipv6_address(text.substr(1, bracket - 1))) {
    return 0;
  }
  return bracket + 1;
}

constexpr auto k_forbidden_in_trailers = std::to_array<std::string_view>({
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
});
static_assert(std::ranges::is_sorted(k_forbidden_in_trailers));

struct HostAndPort {
  bool is_valid = false;
  bool has_host = false;
  bool has_port = false;
};

HostAndPort check_host_and_port(std::string_view text) noexcept {
  const std::size_t host_length =
      text.starts_with('[') ? ip_literal_length(text) : registered_name_length(text);
  const std::string_view rest = text.substr(host_length);
  HostAndPort result;
  result.has_host = host_length > 0;
  result.has_port = rest.size() > 1;
  // "Host: :80" has a port of nothing; RFC 9110 section 4.2.1 has no http URI without a host.
  result.is_valid =
      rest.empty() || (result.has_host && rest.front() == ':' && is_port(rest.substr(1)));
  return result;
}

}  // namespace

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept {
  if (value.empty()) {
    return std::nullopt;
  }
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!is_digit(c)) {
      return std::nullopt;
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (k_max_content_length - digit) / 10) {
      return std::nullopt;
    }
    length = length * 10 + digit;
  }
  return length;
}

bool is_host_and_port(std::string_view text) noexcept {
  return check_host_and_port(text).is_valid;
}

bool is_authority_form(std::string_view text) noexcept {
  const HostAndPort checked = check_host_and_port(text);
  return checked.is_valid && checked.has_host && checked.has_port;
}

bool is_forbidden_in_trailers(std::string_view name) noexcept {
  return std::ranges::binary_search(k_forbidden_in_trailers, name);
}

}  // namespace uringcorn::http
