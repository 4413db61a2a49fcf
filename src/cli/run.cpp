// SPDX-License-Identifier: MIT
#include "cli/run.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.hpp"
#include "cli/print.hpp"
#include "cli/serve.hpp"
#include "settings/nearest.hpp"
#include "settings/table.hpp"

namespace uringcorn::cli {

namespace {

struct Command {
  std::string_view name;
  std::string_view synopsis;
  std::string_view summary;
  int (*run)(int argc, char** argv);
};

constexpr std::array k_commands{
    Command{"serve", "serve [APP] [options]", "serve an application, or a welcome page", serve},
    Command{"check", "check [APP] [options]", "say whether serve would start, and on what", check},
};

std::string usage() {
  std::string text;
  for (const Command& command : k_commands) {
    text += fmt::format("{:7}uringcorn {:<26}{}\n", text.empty() ? "usage:" : "", command.synopsis,
                        command.summary);
  }
  for (const Command& command : k_commands) {
    text += fmt::format("{:7}uringcorn {:<26}its options\n", "",
                        fmt::format("{} --help", command.name));
  }
  return text + fmt::format("{:7}uringcorn --version\n", "");
}

/// What to type instead of a first word that is no command; empty: no idea.
std::string meant_by(const std::string& word) {
  std::vector<std::string_view> names{"--help", "--version"};
  for (const Command& command : k_commands) {
    names.push_back(command.name);
  }
  // gunicorn has no commands: its users begin with the options or the application.
  const std::string flag = word.substr(0, word.find('='));
  const bool is_for_serve =
      settings::find_flag(flag) != nullptr || word.find(".so") != std::string::npos;
  if (is_for_serve) {
    return fmt::format("uringcorn serve {}", escaped(word));
  }
  const std::string_view near = settings::nearest(word, names);
  return std::string(near.empty() ? settings::nearest("--" + word, names) : near);
}

int refuse_unknown(const std::string& word) {
  const std::string meant = meant_by(word);
  return refuse(fmt::format(
      "unknown {} \"{}\" ({})", word.starts_with('-') ? "option" : "command", escaped(word),
      meant.empty() ? "uringcorn --help lists the commands" : "did you mean " + meant + "?"));
}

}  // namespace

int run(int argc, char** argv) {
  if (argc < 2) {
    std::fputs(usage().c_str(), stderr);
    return k_exit_usage;
  }
  const std::string_view word = argv[1];
  if (word == "--help" || word == "-h") {
    return print(usage());
  }
  if (word == "--version" || word == "-v") {
    return print_version();
  }
  for (const Command& command : k_commands) {
    if (command.name == word) {
      return command.run(argc, argv);
    }
  }
  return refuse_unknown(std::string(word));
}

}  // namespace uringcorn::cli
