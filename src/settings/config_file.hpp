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

/// `[[name]]` and the entries below it. The same name may come several times.
struct ConfigTable {
  std::string name;
  int line;  // of its header
  std::vector<ConfigEntry> entries;
};

struct Config {
  std::vector<ConfigEntry> entries;  // before the first table
  std::vector<ConfigTable> tables;
};

/// Reads the part of TOML 1.0 that settings need: `key = value` lines, comments, strings on one
/// line ("basic" and 'literal'), decimal integers and fractions, booleans, arrays of these (over
/// several lines if need be), and arrays of tables, `[[name]]`. Other tables, dates, inline tables
/// and multi-line strings are refused. Throws `SettingsError`, which begins with `name:line:`.
Config parse_config(std::string_view text, std::string_view name);

/// The whole file. Throws `SettingsError` when it cannot be read, is larger than a megabyte, or is
/// a pipe: a reload could not read that again.
std::string read_config(const std::filesystem::path& path);

}  // namespace uringcorn::settings
