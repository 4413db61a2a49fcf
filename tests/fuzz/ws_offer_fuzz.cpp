// SPDX-License-Identifier: MIT
// A Sec-WebSocket-Extensions field. What is accepted must be an answer to an offer, of values that
// the deflater can keep.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/field_rules.hpp"
#include "http/ws/deflate.hpp"
#include "http/ws/deflate_offer.hpp"

namespace {

using namespace uringcorn::http;
using namespace uringcorn::http::ws;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::array<std::string_view, 1> lines{
      std::string_view(reinterpret_cast<const char*>(data), size)};
  require(!answer_deflate_offers(lines, DeflatePolicy::refused).accepted);
  for (const auto policy : {DeflatePolicy::without_context, DeflatePolicy::with_context}) {
    const DeflateAnswer answer = answer_deflate_offers(lines, policy);
    if (!answer.accepted) {
      continue;
    }
    require(lines[0].find("permessage-deflate") != std::string_view::npos);
    const std::string text = answer.accepted->to_string();
    require(is_field_value(text));
    const int server_bits = answer.accepted->server_max_window_bits.value_or(k_window_bits_max);
    const int client_bits = answer.accepted->client_max_window_bits.value_or(k_window_bits_max);
    require(server_bits >= 9 && server_bits <= k_window_bits_max);
    require(client_bits >= 8 && client_bits <= k_window_bits_max);
    // What is answered is an offer that is accepted, too.
    const std::array<std::string_view, 1> again{text};
    require(answer_deflate_offers(again, policy).accepted.has_value());
  }
  return 0;
}
