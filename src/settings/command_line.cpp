// SPDX-License-Identifier: MIT
#include "settings/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/escape.hpp"
#include "settings/error.hpp"
#include "settings/gunicorn_names.hpp"
#include "settings/nearest.hpp"
#include "settings/value.hpp"

namespace uringcorn::settings {

namespace {

std::string cli11_names(const Setting& setting) {
  std::string names;
  for (const std::string_view flag : setting.flags) {
    names += names.empty() ? "" : ",";
    names += flag;
  }
  if (const std::string off = negation(setting); !off.empty()) {
    names += fmt::format(",{}{{false}}", off);
  }
  return names.empty() ? std::string(setting.key) : names;
}

CLI::Option* add_row(CLI::App& app, const Setting& setting) {
  const auto accept = [](const CLI::results_t&) { return true; };
  if (setting.value_name.empty()) {
    return app.add_flag(cli11_names(setting))->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  CLI::Option* option = app.add_option(cli11_names(setting), accept);
  option->type_name(std::string(setting.value_name));
  if (setting.flags.empty()) {
    return option->expected(1);
  }
  // Any number of times, one value each, and all of them kept: who comes later decides.
  return option->expected(-1)->allow_extra_args(false)->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
}

// CLI11 2.1 reads `--flag= next` as `--flag next`, and `-w=4` as `-w '=4'`; two words leave no
// doubt.
std::vector<std::string> with_some_values_apart(const std::vector<std::string>& words) {
  std::vector<std::string> apart;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const bool is_empty = word.starts_with("--") && equals == word.size() - 1;
    const bool is_short = equals == 2 && word[0] == '-' && word[1] != '-';
    if (is_empty || is_short) {
      apart.push_back(word.substr(0, equals));
      apart.push_back(word.substr(equals + 1));
    } else {
      apart.push_back(word);
    }
  }
  return apart;
}

[[noreturn]] void refuse_unknown(const std::string& word) {
  if (!word.starts_with('-') || word == "-") {
    throw SettingsError(fmt::format(
        "{} is one argument too many: only one application can be served", in_quotes(word)));
  }
  const std::string flag = word.substr(0, word.find('='));
  std::vector<std::string_view> flags;
  std::vector<std::string> negations;
  for (const Setting& setting : table()) {
    flags.insert(flags.end(), setting.flags.begin(), setting.flags.end());
    negations.push_back(negation(setting));
  }
  flags.insert(flags.end(), negations.begin(), negations.end());
  std::string advice = gunicorn_flag_advice(flag);
  if (advice.empty()) {
    const std::string_view meant = flag.starts_with("--") ? nearest(flag, flags) : "";
    advice = meant.empty() ? "uringcorn serve --help lists the options"
                           : fmt::format("did you mean {}?", meant);
  }
  throw SettingsError(fmt::format("unknown option {} ({})", in_quotes(flag), advice));
}

// CLI11 reverses the words it is given.
void parse_with_cli11(CLI::App& app, std::vector<std::string> words) {
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ArgumentMismatch& mismatch) {
    // "--workers: 1 required INT missing"
    const std::string_view what = mismatch.what();
    throw SettingsError(fmt::format("{} needs a value", what.substr(0, what.find(':'))));
  } catch (const CLI::Error& error) {
    throw SettingsError(escaped(error.what()));
  }
}

}  // namespace

std::vector<Given> parse_command_line(const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag("");
  app.allow_extras();
  std::vector<std::pair<const Setting*, CLI::Option*>> options;
  for (const Setting& setting : table()) {
    options.emplace_back(&setting, add_row(app, setting));
  }
  parse_with_cli11(app, with_some_values_apart(words));

  for (const std::string& extra : app.remaining()) {
    if (extra != "--") {
      refuse_unknown(extra);
    }
  }
  std::vector<Given> given;
  for (const auto& [setting, option] : options) {
    if (option->count() == 0) {
      continue;
    }
    const bool is_switch = std::holds_alternative<Switch>(setting->target);
    const bool takes_value = !setting->value_name.empty();
    if (!takes_value && !is_switch && option->results().back() != "true") {
      throw SettingsError(fmt::format("{} takes no value", command_line_name(*setting)));
    }
    given.push_back(
        {setting, takes_value || is_switch ? option->results() : std::vector<std::string>{}});
  }
  return given;
}

}  // namespace uringcorn::settings
