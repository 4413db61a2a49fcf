// SPDX-License-Identifier: MIT
// What a client of TLS says first, before it is known who it is. Once it is whole, neither what
// follows nor how it was cut into records changes the name that is read from it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/tls/client_hello.hpp"

namespace {

using uringcorn::net::tls::read_client_hello;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

/// As handshake records of one byte each.
std::string in_small_records(std::string_view message) {
  std::string records;
  for (const char byte : message) {
    records += {22, 3, 1, 0, 1};
    records += byte;
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto hello = read_client_hello(bytes);
  if (hello) {
    const std::string& name = hello->server_name;
    require(name.size() <= 255);
    require(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    const auto with_more = read_client_hello(std::string(bytes) + "more");
    require(with_more && with_more->server_name == name);
  }
  constexpr std::size_t k_one_record_max = 2000;
  if (size <= k_one_record_max) {
    std::string one{22, 3, 1};
    one += static_cast<char>(size >> 8);
    one += static_cast<char>(size);
    const auto whole = read_client_hello(one.append(bytes));
    const auto cut = read_client_hello(in_small_records(bytes));
    require(whole.has_value() == cut.has_value());
    require(!whole || whole->server_name == cut->server_name);
  }
  return 0;
}
