// SPDX-License-Identifier: MIT
#include "http/ws/deflate_offer.hpp"

#include <algorithm>

#include "http/field_rules.hpp"

namespace uringcorn::http::ws {
namespace {

constexpr int k_window_bits_min = 8;
/// zlib compresses with no smaller window.
constexpr int k_own_window_bits_min = 9;

struct Parameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

/// Reads a list of extensions, one after the other (RFC 6455, section 9.1). A value must be a token
/// also between quotes, so nothing needs to be unescaped.
class OfferReader {
 public:
  explicit OfferReader(std::string_view line) noexcept : rest_(line) {}

  bool malformed() const noexcept { return malformed_; }

  /// The name of the next extension; nothing at the end of the line, or if it is malformed.
  std::optional<std::string_view> next_extension() noexcept {
    skip_blanks();
    while (skip(',')) {
      skip_blanks();
    }
    return rest_.empty() ? std::nullopt : token();
  }
  /// The next parameter of that extension; nothing behind the last one, or if it is malformed.
  std::optional<Parameter> next_parameter() noexcept {
    skip_blanks();
    if (!skip(';')) {
      malformed_ = malformed_ || !(rest_.empty() || rest_.front() == ',');
      return std::nullopt;
    }
    skip_blanks();
    const std::optional<std::string_view> name = token();
    skip_blanks();
    if (!name || !skip('=')) {
      return name ? std::optional(Parameter{*name, std::nullopt}) : std::nullopt;
    }
    skip_blanks();
    const bool quoted = skip('"');
    const std::optional<std::string_view> value = token();
    if (!value || (quoted && !skip('"'))) {
      malformed_ = true;
      return std::nullopt;
    }
    return Parameter{*name, value};
  }

 private:
  void skip_blanks() noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) {
      rest_.remove_prefix(1);
    }
  }
  bool skip(char c) noexcept {
    const bool found = rest_.starts_with(c);
    rest_.remove_prefix(found ? 1 : 0);
    return found;
  }
  std::optional<std::string_view> token() noexcept {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_char);
    const std::string_view token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    malformed_ = malformed_ || token.empty();
    return token.empty() ? std::nullopt : std::optional(token);
  }

  std::string_view rest_;
  bool malformed_ = false;
};

/// One offer, as its parameters say (RFC 7692, section 7.1).
struct Offer {
  bool valid = true;
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits;
  bool has_client_max_window_bits = false;
  std::optional<int> client_max_window_bits;

  void add(const Parameter& parameter) noexcept;

 private:
  void add_flag(bool& flag, const Parameter& parameter) noexcept;
  std::optional<int> window_bits(std::string_view value) noexcept;
};

void Offer::add(const Parameter& parameter) noexcept {
  if (parameter.name == "server_no_context_takeover") {
    add_flag(server_no_context_takeover, parameter);
  } else if (parameter.name == "client_no_context_takeover") {
    add_flag(client_no_context_takeover, parameter);
  } else if (parameter.name == "server_max_window_bits") {
    valid = valid && parameter.value && !server_max_window_bits;
    server_max_window_bits = window_bits(parameter.value.value_or(""));
  } else if (parameter.name == "client_max_window_bits") {
    valid = valid && !has_client_max_window_bits;
    has_client_max_window_bits = true;
    client_max_window_bits = parameter.value ? window_bits(*parameter.value) : std::optional<int>();
  } else {
    valid = false;
  }
}

void Offer::add_flag(bool& flag, const Parameter& parameter) noexcept {
  valid = valid && !flag && !parameter.value;
  flag = true;
}

/// "8" to "15"; no leading zero.
std::optional<int> Offer::window_bits(std::string_view value) noexcept {
  int bits = 0;
  for (const char c : value.substr(0, 3)) {
    bits = is_digit(c) ? bits * 10 + (c - '0') : k_window_bits_max + 1;
  }
  if (value.starts_with('0') || bits < k_window_bits_min || bits > k_window_bits_max) {
    valid = false;
    return std::nullopt;
  }
  return bits;
}

std::optional<DeflateParameters> accept(const Offer& offer, DeflatePolicy policy) noexcept {
  const int offered_bits = offer.server_max_window_bits.value_or(k_window_bits_max);
  if (!offer.valid || offered_bits < k_own_window_bits_min) {
    return std::nullopt;
  }
  DeflateParameters accepted;
  if (policy == DeflatePolicy::without_context) {
    accepted.server_no_context_takeover = true;
    accepted.client_no_context_takeover = true;
    accepted.server_max_window_bits = offer.server_max_window_bits;
    return accepted;
  }
  accepted.server_no_context_takeover = offer.server_no_context_takeover;
  accepted.server_max_window_bits = std::min(offered_bits, k_context_window_bits);
  if (offer.has_client_max_window_bits) {
    accepted.client_no_context_takeover = offer.client_no_context_takeover;
    accepted.client_max_window_bits =
        std::min(offer.client_max_window_bits.value_or(k_window_bits_max), k_context_window_bits);
  } else {
    // Only a client that said so can be asked for a smaller window; any can forget it (7.1.1.2).
    accepted.client_no_context_takeover = true;
  }
  return accepted;
}

}  // namespace

std::string DeflateParameters::to_string() const {
  std::string text = "permessage-deflate";
  if (server_no_context_takeover) {
    text += "; server_no_context_takeover";
  }
  if (client_no_context_takeover) {
    text += "; client_no_context_takeover";
  }
  if (server_max_window_bits) {
    text += "; server_max_window_bits=" + std::to_string(*server_max_window_bits);
  }
  if (client_max_window_bits) {
    text += "; client_max_window_bits=" + std::to_string(*client_max_window_bits);
  }
  return text;
}

DeflateAnswer answer_deflate_offers(std::span<const std::string_view> lines, DeflatePolicy policy) {
  DeflateAnswer answer;
  for (const std::string_view line : lines) {
    OfferReader reader(line);
    while (const std::optional<std::string_view> name = reader.next_extension()) {
      Offer offer;
      while (const std::optional<Parameter> parameter = reader.next_parameter()) {
        offer.add(*parameter);
      }
      const bool is_wanted = *name == "permessage-deflate" && policy != DeflatePolicy::refused;
      if (is_wanted && !answer.accepted) {
        answer.accepted = accept(offer, policy);
      }
    }
    answer.malformed = answer.malformed || reader.malformed();
  }
  return answer;
}

}  // namespace uringcorn::http::ws
