// SPDX-License-Identifier: MIT
#include "base/ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace uringcorn {

static_assert(IpAddress::k_text_max + 1 == INET6_ADDRSTRLEN);

IpAddress::IpAddress(std::span<const std::uint8_t, 4> v4) noexcept {
  std::copy(v4.begin(), v4.end(), bytes_.begin() + k_v4_offset);
}

IpAddress::IpAddress(std::span<const std::uint8_t, 16> v6) noexcept {
  std::copy(v6.begin(), v6.end(), bytes_.begin());
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  // inet_pton wants a final NUL, and would take one inside for the end.
  std::array<char, k_text_max + 1> copy{};
  if (text.size() > k_text_max || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), copy.begin());
  std::array<std::uint8_t, 16> bytes{};
  if (text.find(':') != std::string_view::npos) {
    return ::inet_pton(AF_INET6, copy.data(), bytes.data()) == 1
               ? std::optional(IpAddress(std::span<const std::uint8_t, 16>(bytes)))
               : std::nullopt;
  }
  return ::inet_pton(AF_INET, copy.data(), bytes.data()) == 1
             ? std::optional(IpAddress(std::span<const std::uint8_t>(bytes).first<4>()))
             : std::nullopt;
}

bool IpAddress::is_v4() const noexcept {
  constexpr std::array<std::uint8_t, k_v4_offset> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(bytes_.data(), mapped.data(), mapped.size()) == 0;
}

std::size_t IpAddress::write(std::span<char, k_text_max> to) const noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? k_v4_offset : 0), text.data(),
              text.size());
  const std::size_t length = std::strlen(text.data());
  std::memcpy(to.data(), text.data(), length);
  return length;
}

std::string IpAddress::text() const {
  std::array<char, k_text_max> text{};
  return {text.data(), write(text)};
}

bool IpAddress::matches(const IpAddress& other, unsigned prefix_bits) const noexcept {
  // Masked or not, IPv4 addresses keep the prefix of their family, which no IPv6 address has.
  return masked(prefix_bits) == other.masked(prefix_bits);
}

IpAddress IpAddress::masked(unsigned prefix_bits) const noexcept {
  IpAddress result = *this;
  const unsigned kept = std::min(prefix_bits + (is_v4() ? 8 * k_v4_offset : 0), 128U);
  for (unsigned i = kept / 8; i < result.bytes_.size(); ++i) {
    const unsigned kept_of_byte = i == kept / 8 ? kept % 8 : 0;
    result.bytes_[i] &= static_cast<std::uint8_t>(0xff00U >> kept_of_byte);
  }
  return result;
}

}  // namespace uringcorn
