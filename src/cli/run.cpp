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

int refuse_unknown(std::string_view word) {
  std::vector<std::string_view> names;
  for (const Command& command : k_commands) {
    names.push_back(command.name);
  }
  const bool is_option = word.starts_with('-');
  const std::string_view meant = is_option ? "" : settings::nearest(word, names);
  std::string advice = "uringcorn --help lists the commands";
  if (!meant.empty()) {
    advice = fmt::format("did you mean {}?", meant);
  } else if (word.find(".so") != std::string_view::npos) {
    advice = fmt::format("did you mean uringcorn serve {}?", escaped(word));
  }
  return refuse(fmt::format("unknown {} \"{}\" ({})", is_option ? "option" : "command",
                            escaped(word), advice));
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
  return refuse_unknown(word);
}

}  // namespace uringcorn::cli
