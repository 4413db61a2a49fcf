// SPDX-License-Identifier: MIT
// The first byte chooses the versions. However many of the bytes have come, the outcome is the same
// as soon as there is one, and lies within them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "net/proxy_header.hpp"

namespace {

using uringcorn::IpAddress;
using uringcorn::net::message;
using uringcorn::net::parse_proxy_header;
using uringcorn::net::ProxyHeader;
using uringcorn::net::ProxyVersions;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void check_one(const ProxyHeader& header, std::size_t length) {
  switch (header.result) {
    case ProxyHeader::Result::need_more:
      require(length < ProxyHeader::k_v2_max);
      break;
    case ProxyHeader::Result::complete:
      require(header.size > 0 && header.size <= length && header.size <= ProxyHeader::k_v2_max);
      require(!header.client || IpAddress::parse(header.client->address()).has_value());
      break;
    case ProxyHeader::Result::failed:
      require(!message(header.error).empty() && !header.client);
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto versions = static_cast<ProxyVersions>(data[0] % 3);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ProxyHeader whole = parse_proxy_header(bytes, versions);
  check_one(whole, bytes.size());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    // Its own memory, so that a sanitizer sees a read past the end.
    const std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<long>(length));
    const ProxyHeader header = parse_proxy_header({piece.data(), piece.size()}, versions);
    check_one(header, length);
    if (header.result != ProxyHeader::Result::need_more) {
      require(header.result == whole.result && header.size == whole.size);
      require(header.error == whole.error && header.client.has_value() == whole.client.has_value());
      break;
    }
  }
  return 0;
}
