// SPDX-License-Identifier: MIT
#include "http/h2/priority.hpp"

#include "http/field_rules.hpp"

namespace uringcorn::http::h2 {
namespace {

constexpr bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_key_char(char c) noexcept {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}
/// What may stand in an item that is no string (RFC 8941 section 3.3).
constexpr bool is_item_char(char c) noexcept {
  return is_in_class(c, k_token_char) || c == ':' || c == '/' || c == '=' || c == '?';
}

/// Reads a dictionary from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : rest_(text) {}

  bool at_end() const noexcept { return rest_.empty(); }
  bool take(char c) noexcept {
    if (rest_.empty() || rest_.front() != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) {
      rest_.remove_prefix(1);
    }
  }
  /// Empty: there is none.
  std::string_view key() noexcept {
    if (rest_.empty() || !(is_lower(rest_.front()) || rest_.front() == '*')) {
      return {};
    }
    return take_while(is_key_char);
  }
  /// The text of an item, in its quotes or brackets if it has such. Empty: there is none.
  std::string_view item() noexcept {
    return rest_.starts_with('"')   ? quoted()
           : rest_.starts_with('(') ? inner_list()
                                    : take_while(is_item_char);
  }
  /// Parameters of a member mean nothing here. False: they are malformed.
  bool skip_parameters() noexcept {
    while (take(';')) {
      skip_blanks();
      if (key().empty() || (take('=') && item().empty())) {
        return false;
      }
    }
    return true;
  }

 private:
  template <class Belongs>
  std::string_view take_while(Belongs belongs) noexcept {
    std::size_t length = 0;
    while (length < rest_.size() && belongs(rest_[length])) {
      ++length;
    }
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  /// Nothing that is known here has one, so it need not be understood.
  std::string_view inner_list() noexcept {
    const std::string_view taken = rest_.substr(0, rest_.find(')') + 1);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view quoted() noexcept {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        const std::string_view taken = rest_.substr(0, i + 1);
        rest_.remove_prefix(i + 1);
        return taken;
      }
    }
    return {};
  }

  std::string_view rest_;
};

void set_urgency(Priority& priority, std::string_view item) noexcept {
  const bool is_in_range = item.size() == 1 && item[0] >= '0' && item[0] <= '7';
  priority.urgency = is_in_range ? static_cast<std::uint8_t>(item[0] - '0') : Priority().urgency;
}

void set_incremental(Priority& priority, std::string_view item) noexcept {
  priority.incremental = item == "?1";
}

}  // namespace

std::optional<Priority> parse_priority(std::string_view value) noexcept {
  Priority priority;
  Reader reader(trim_blanks(value));
  while (!reader.at_end()) {
    const std::string_view key = reader.key();
    if (key.empty()) {
      return std::nullopt;
    }
    std::string_view item = "?1";  // a member without a value is true
    if (reader.take('=')) {
      item = reader.item();
    }
    if (item.empty() || !reader.skip_parameters()) {
      return std::nullopt;
    }
    if (key == "u") {
      set_urgency(priority, item);
    } else if (key == "i") {
      set_incremental(priority, item);
    }
    reader.skip_blanks();
    if (reader.at_end()) {
      break;
    }
    if (!reader.take(',')) {
      return std::nullopt;
    }
    reader.skip_blanks();
    if (reader.at_end()) {
      return std::nullopt;
    }
  }
  return priority;
}

}  // namespace uringcorn::http::h2
