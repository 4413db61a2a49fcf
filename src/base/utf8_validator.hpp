// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace uringcorn {

/// Checks UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF) that comes in
/// pieces, which may end anywhere within a character.
class Utf8Validator {
 public:
  /// False as soon as the bytes so far cannot be the beginning of valid text; it stays false then.
  bool feed(std::string_view bytes) noexcept;
  /// Whether all that was fed is valid text, not ending within a character.
  bool complete() const noexcept { return state_ == k_between_characters; }
  void reset() noexcept { state_ = k_between_characters; }

  static constexpr std::uint8_t k_between_characters = 0;

 private:
  std::uint8_t state_ = k_between_characters;
};

/// Whether `text` is valid as a whole.
inline bool is_utf8(std::string_view text) noexcept {
  Utf8Validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace uringcorn
