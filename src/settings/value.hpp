// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "settings/table.hpp"

namespace uringcorn::settings {

/// A whole number: decimal digits with an optional `-`, nothing else.
std::optional<std::int64_t> parse_number(std::string_view text);

/// Bytes: a whole number, with `k`, `m` or `g` (either case) for powers of 1024.
std::optional<std::int64_t> parse_size(std::string_view text);

/// Milliseconds: a decimal number of seconds, or one with `ms`, `s`, `m` or `h`. What is not 0 but
/// less than a millisecond is refused, because 0 switches a timeout off.
std::optional<std::int64_t> parse_duration(std::string_view text);

/// The shortest text that the function above reads as this value.
std::string show_size(std::int64_t bytes);
std::string show_duration(std::int64_t ms);

/// Fills the row's field from its texts: all of them for a list, else the last. Returns nothing
/// when all is well; otherwise leaves `settings` as it was and says what is wrong, as the end of a
/// sentence: `"fuor" is not a whole number (1 to 1024)`. `texts` is not empty.
std::string assign(const Setting& setting, std::span<const std::string> texts, Settings& settings);

/// The field's value as texts that `assign` takes; one for everything but a list.
std::vector<std::string> show(const Setting& setting, const Settings& settings);

/// The field's value as TOML: a string, number, or array of strings.
std::string show_toml(const Setting& setting, const Settings& settings);

/// `text` as a TOML string, in its quotes.
std::string toml_text(std::string_view text);

/// What values look like, for a person: `a size such as 8190, 8k, 1m or 1g (0 to 1g)`.
std::string expected(const Setting& setting);

/// `text` in quotes and with its control characters made visible, for a message.
std::string in_quotes(std::string_view text);

}  // namespace uringcorn::settings
