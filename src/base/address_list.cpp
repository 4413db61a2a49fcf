// SPDX-License-Identifier: MIT
#include "base/address_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/escape.hpp"

namespace uringcorn {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

std::optional<unsigned> parse_prefix(std::string_view text, unsigned maximum) noexcept {
  unsigned bits = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, bits);
  if (error != std::errc() || stop != end || bits > maximum) {
    return std::nullopt;
  }
  return bits;
}

}  // namespace

AddressList::AddressList(std::initializer_list<IpAddress> addresses) {
  for (const IpAddress& address : addresses) {
    networks_.push_back({address, address.bits()});
  }
}

AddressList AddressList::loopback() {
  return {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1")};
}

std::string AddressList::add(std::string_view text) {
  if (trimmed(text).empty()) {
    return {};
  }
  AddressList added = *this;
  for (;;) {
    const std::size_t comma = text.find(',');
    std::string problem = added.add_one(trimmed(text.substr(0, comma)));
    if (!problem.empty()) {
      return problem;
    }
    if (comma == std::string_view::npos) {
      break;
    }
    text.remove_prefix(comma + 1);
  }
  *this = std::move(added);
  return {};
}

std::string AddressList::add_one(std::string_view text) {
  if (text == "*") {
    has_all_ = true;
    return {};
  }
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return fmt::format("\"{}\" is not an IP address, a network such as 10.0.0.0/8, or *",
                       escaped(text));
  }
  unsigned prefix_bits = address->bits();
  if (slash != std::string_view::npos) {
    // "::ffff:10.0.0.0/104" counts the bits of the IPv6 form that it is written in.
    const bool is_mapped = address->is_v4() && text.find(':') != std::string_view::npos;
    const unsigned mapped_bits = is_mapped ? 96 : 0;
    const auto bits = parse_prefix(text.substr(slash + 1), address->bits() + mapped_bits);
    if (!bits || *bits < mapped_bits) {
      return fmt::format(
          "\"{}\" is not a network: after the slash there must be a number of {} to {}",
          escaped(text), mapped_bits, address->bits() + mapped_bits);
    }
    prefix_bits = *bits - mapped_bits;
    const IpAddress network = address->masked(prefix_bits);
    if (network != *address) {
      return fmt::format("\"{}\" has bits set after the first {} (the network is {}/{})",
                         escaped(text), *bits, network.text(), prefix_bits);
    }
  }
  networks_.push_back({*address, prefix_bits});
  return {};
}

bool AddressList::contains(const IpAddress& address) const noexcept {
  return has_all_ || std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
           return network.address.matches(address, network.prefix_bits);
         });
}

std::vector<std::string> AddressList::texts() const {
  std::vector<std::string> texts;
  if (has_all_) {
    texts.emplace_back("*");
  }
  for (const Network& network : networks_) {
    std::string& text = texts.emplace_back(network.address.text());
    if (network.prefix_bits != network.address.bits()) {
      text += fmt::format("/{}", network.prefix_bits);
    }
  }
  return texts;
}

}  // namespace uringcorn
