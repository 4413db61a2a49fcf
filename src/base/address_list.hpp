// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"

namespace uringcorn {

/// Addresses and networks, as an operator lists those who are trusted. Plain data.
class AddressList {
 public:
  /// Nobody.
  AddressList() noexcept = default;
  AddressList(std::initializer_list<IpAddress> addresses);
  /// 127.0.0.1 and ::1.
  static AddressList loopback();

  /// Adds what `text` lists, separated by commas: addresses ("192.0.2.7", "::1"), networks
  /// ("10.0.0.0/8", "2001:db8::/32"), and "*" for every address. An empty text adds nothing. In a
  /// network, bits after the prefix must be 0: "10.1.2.3/8" is more often a slip than meant.
  /// Returns nothing when all is well; otherwise adds nothing and says what is wrong, as a clause:
  /// `"10.1.2.3/8" has bits set after the first 8 (the network is 10.0.0.0/8)`.
  std::string add(std::string_view text);

  /// IPv4 networks hold IPv4 addresses only, and IPv6 networks, ::/0 too, hold IPv6 addresses only;
  /// see IpAddress for addresses of the one in the form of the other.
  bool contains(const IpAddress& address) const noexcept;

  /// Texts from which add() makes the same list, one for each thing in it.
  std::vector<std::string> texts() const;

  friend bool operator==(const AddressList&, const AddressList&) = default;

 private:
  struct Network {
    IpAddress address;
    unsigned prefix_bits = 0;

    friend bool operator==(const Network&, const Network&) = default;
  };

  std::string add_one(std::string_view text);

  std::vector<Network> networks_;
  bool has_all_ = false;
};

}  // namespace uringcorn
