// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.hpp"

namespace uringcorn::settings {

/// A closer look at a value than the table takes, by the part of the server that uses it: returns
/// nothing, or what is wrong as the end of a sentence that began with the setting's name.
struct Check {
  std::string_view key;
  std::function<std::string(const std::string& text)> complaint;
};

/// Where settings come from. It can be resolved again later, when the file may have changed.
struct Sources {
  std::vector<std::string> arguments;  // after the command's name
  std::map<std::string, std::string> environment;
  std::filesystem::path directory;  // what relative names begin at; empty: the working directory
  /// The default configuration file must be there: it was when the server started, and without it
  /// a reload would silently be one to the defaults.
  bool expects_config = false;
  std::vector<Check> checks;
};

/// Where an effective value came from, weakest first.
struct Origin {
  enum class Kind { builtin, environment, config_file, environment_arguments, command_line };
  Kind kind = Kind::builtin;
  /// For a person: `default`, `WEB_CONCURRENCY`, `uringcorn.toml:3`,
  /// `URINGCORN_CMD_ARGS: --workers`, `--workers`.
  std::string place = "default";
  /// The text as it was given; empty for a default.
  std::string given = {};
};

enum class Action { serve, check, print_config, version, help };

struct Resolution {
  /// A [[listener]] of the configuration file as it is written, without its comments.
  struct ListenerTable {
    std::string bind;
    std::vector<std::string> lines;
  };

  /// What the command line asks for. With `version` and `help` nothing else was looked at.
  Action action = Action::serve;
  Settings settings;
  std::string config_file;  // the one that was read, as it was named; empty: none
  /// Those in use; their addresses are the last ones of `settings.bind`.
  std::vector<ListenerTable> listener_tables;
  /// One for each row of `table()`, in its order.
  std::vector<Origin> origins;
};

/// The effective settings: defaults, then the variables that the table names (`PORT`, ...), then
/// the configuration file, then URINGCORN_CMD_ARGS, then the arguments; each replaces what the ones
/// before said. Throws `SettingsError` for whatever cannot be used, and reads no file but the
/// configuration.
Resolution resolve(const Sources& sources);

/// The sources of this process: its environment, and the arguments from `first` on.
Sources process_sources(int argc, char** argv, int first);

}  // namespace uringcorn::settings
