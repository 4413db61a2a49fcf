// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/ws/deflate.hpp"

namespace uringcorn::http::ws {

/// What was agreed upon for permessage-deflate (RFC 7692, section 7.1). Window bits that are not
/// mentioned are k_window_bits_max.
struct DeflateParameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits;
  std::optional<int> client_max_window_bits;
  /// What the answer's Sec-WebSocket-Extensions says.
  std::string to_string() const;
};

/// How much memory a connection may keep for compression.
enum class DeflatePolicy {
  refused,          ///< no compression
  without_context,  ///< each message by itself: nothing is kept between messages
  with_context,     ///< windows of k_context_window_bits at most are kept, both ways
};

/// Windows of 4 KiB: together about 45 KiB a connection.
constexpr int k_context_window_bits = 12;
constexpr int k_context_memory_level = 5;

struct DeflateAnswer {
  /// The lines do not follow the grammar (RFC 6455, section 9.1): the handshake must fail.
  bool malformed = false;
  /// Nothing: no offer can be accepted, or none was made.
  std::optional<DeflateParameters> accepted;
};

/// Answers the first offer of permessage-deflate in the values of the Sec-WebSocket-Extensions
/// lines that is valid and can be kept. Offers with unknown, repeated or ill-valued parameters, and
/// those for other extensions, are passed over.
DeflateAnswer answer_deflate_offers(std::span<const std::string_view> lines, DeflatePolicy policy);

}  // namespace uringcorn::http::ws
