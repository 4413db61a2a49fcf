// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace uringcorn {

/// An IPv4 or IPv6 address. An IPv4 address mapped into IPv6 (::ffff:192.0.2.7) is the IPv4
/// address: a socket that listens on both families shows the same client in either way.
class IpAddress {
 public:
  static constexpr std::size_t k_text_max = 45;  ///< of write(), without a final NUL

  /// 0.0.0.0
  IpAddress() noexcept = default;
  explicit IpAddress(std::span<const std::uint8_t, 4> v4) noexcept;
  explicit IpAddress(std::span<const std::uint8_t, 16> v6) noexcept;

  /// Reads an address and nothing around it: four decimal numbers without leading zeros, or IPv6
  /// without brackets and zone. Other notations of IPv4 ("127.1", "0x7f000001") are not addresses.
  static std::optional<IpAddress> parse(std::string_view text) noexcept;

  bool is_v4() const noexcept;
  /// The number of bits of an address of its family: 32 or 128.
  unsigned bits() const noexcept { return is_v4() ? 32 : 128; }

  /// Writes the usual text ("192.0.2.7", "2001:db8::1"; RFC 5952) and returns its length.
  std::size_t write(std::span<char, k_text_max> to) const noexcept;
  std::string text() const;

  /// Whether the first `prefix_bits` (0 to bits()) are the same, in two addresses of one family.
  /// Addresses of different families never match.
  bool matches(const IpAddress& other, unsigned prefix_bits) const noexcept;
  /// The address with all bits after the first `prefix_bits` at 0.
  IpAddress masked(unsigned prefix_bits) const noexcept;

  friend bool operator==(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  static constexpr unsigned k_v4_offset = 12;

  std::array<std::uint8_t, 16> bytes_{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
};

}  // namespace uringcorn
