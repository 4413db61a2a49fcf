// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "settings/settings.hpp"

namespace uringcorn::settings {

/// Sections of `--help` and of docs/settings.md, in the order in which they are shown.
enum class Group {
  serving,
  listening,
  tls,
  proxies,
  process,
  workers,
  timeouts,
  limits,
  http2,
  websockets,
  logging,
  development,
  command
};

// What a row fills, and with that what its values look like.
struct Text {
  std::string Settings::* member;
};
/// Given several times, the values add up; a stronger source replaces them all.
struct List {
  std::vector<std::string> Settings::* member;
};
/// IP addresses and networks; values add up as in a list, and one text may hold several.
struct Addresses {
  AddressList Settings::* member;
};
struct Number {
  int Settings::* member;
};
/// A number, or `auto`: as many as this process may use processors.
struct WorkerCount {
  int Settings::* member;
};
struct Count {
  std::size_t Settings::* member;
};
/// Bytes; `8190`, `8k`, `1m`, `1g`.
struct Size {
  std::size_t Settings::* member;
};
/// `30` and `0.5` are seconds; `500ms`, `30s`, `5m`, `1h`.
struct Duration {
  std::chrono::milliseconds Settings::* member;
};
struct Reactor {
  ReactorChoice Settings::* member;
};
struct Proxy {
  ProxyProtocol Settings::* member;
};
struct ClientCertificates {
  CertReqs Settings::* member;
};
struct Tls {
  TlsVersion Settings::* member;
};
struct Compression {
  WebSocketCompression Settings::* member;
};
struct Protocols {
  HttpProtocols Settings::* member;
};
struct Level {
  LogLevel Settings::* member;
};
struct Format {
  LogFormat Settings::* member;
};
/// The number of RFC 3164 for a syslog facility's name.
struct Facility {
  int Settings::* member;
};
/// True or false. On the command line `--flag`, and `--no-flag` to take back what a weaker source
/// said.
struct Switch {
  bool Settings::* member;
};
/// Permissions that new files do not get, in octal digits; -1 is an empty text.
struct FileMask {
  int Settings::* member;
};
/// Only on the command line, with a value: where to find other settings.
struct ConfigFile {};
/// Only on the command line, without a value: print something instead of serving.
struct Print {};

using Target = std::variant<Text, List, Addresses, Number, WorkerCount, Count, Size, Duration,
                            Reactor, Proxy, Protocols, ClientCertificates, Tls, Level, Switch,
                            FileMask, Format, Facility, Compression, ConfigFile, Print>;

/// One setting. The command line, the configuration file, `--help`, `--print-config` and
/// docs/settings.md know of settings what their rows say, and nothing else.
struct Setting {
  /// The key in the configuration file, and how messages about it name the setting.
  std::string_view key;
  /// With their dashes, the usual one first; empty for the one that is an argument without a flag.
  std::vector<std::string_view> flags;
  Group group;
  Target target;
  /// What stands for the value in `--help`; empty when the flag takes none.
  std::string_view value_name;
  /// One sentence, for `--help` and the documentation.
  std::string_view help;
  /// Further sentences for the documentation.
  std::string_view details = {};
  /// Of numbers, bytes, or milliseconds.
  std::int64_t minimum = 0;
  std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
  bool may_be_empty = true;
  /// False: the text goes into a field of every answer, which no line end or other control
  /// character in it may split.
  bool may_hold_controls = true;
  /// The environment variable that replaces the default, and how its text becomes a value: nothing
  /// when it cannot. Null: the text is the value.
  std::string_view environment = {};
  std::optional<std::string> (*from_environment)(std::string_view) = nullptr;
};

/// Every setting, grouped as `Group` orders them. The same object for the life of the program.
std::span<const Setting> table();

/// The row of that key, or null.
const Setting* find_key(std::string_view key);

/// The row with that flag, or null.
const Setting* find_flag(std::string_view flag);

/// Whether the row fills a field of `Settings`, so that it can be in a configuration file.
bool is_configurable(const Setting& setting);

/// Whether a value may be given several times, or as an array in a configuration file.
bool takes_several(const Setting& setting);

/// The flag that switches the setting off; empty when it is no switch.
std::string negation(const Setting& setting);

/// How messages name the setting on the command line: its first flag, or `APP`.
std::string_view command_line_name(const Setting& setting);

}  // namespace uringcorn::settings
