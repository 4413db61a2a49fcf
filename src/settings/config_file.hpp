// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace uringcorn::settings {

struct ConfigValue {
  enum class Type { string, integer, decimal, boolean };
  Type type;
  std::string text;  // without quotes, escapes and digit separators
};

struct ConfigEntry {
  std::string key;
  int line;  // of the key, from 1
  bool is_array;
  std::vector<ConfigValue> values;  // exactly one unless it is an array
};

/// Reads the part of TOML 1.0 that a flat list of settings needs: `key = value` lines, comments,
/// strings on one line ("basic" and 'literal'), decimal integers and fractions, booleans, and
/// arrays of these (over several lines if need be). Sections, dates, inline tables and multi-line
/// strings are refused. Throws `SettingsError`, which begins with `name:line:`.
std::vector<ConfigEntry> parse_config(std::string_view text, std::string_view name);

/// The whole file. Throws `SettingsError` when it cannot be read or is larger than a megabyte.
std::string read_config(const std::filesystem::path& path);

}  // namespace uringcorn::settings
