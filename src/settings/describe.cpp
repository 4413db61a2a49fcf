// SPDX-License-Identifier: MIT
#include "settings/describe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/escape.hpp"
#include "settings/table.hpp"
#include "settings/value.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::size_t k_help_width = 80;
constexpr std::size_t k_help_indent = 29;

std::string_view title(Group group) {
  switch (group) {
    case Group::serving:
      return "Application";
    case Group::listening:
      return "Listening";
    case Group::tls:
      return "TLS";
    case Group::proxies:
      return "Behind a proxy";
    case Group::process:
      return "Process";
    case Group::workers:
      return "Workers";
    case Group::timeouts:
      return "Connection timeouts";
    case Group::limits:
      return "Requests and answers";
    case Group::http2:
      return "HTTP/2";
    case Group::websockets:
      return "WebSockets";
    case Group::logging:
      return "Logging";
    case Group::development:
      return "Development";
    case Group::command:
      return "Command";
  }
  return {};
}

// Calls `visit` for each row, and `begin` before the first row of each group.
template <typename Begin, typename Visit>
void for_each_row(Begin begin, Visit visit) {
  const Setting* before = nullptr;
  for (const Setting& setting : table()) {
    if (before == nullptr || before->group != setting.group) {
      begin(title(setting.group));
    }
    visit(setting);
    before = &setting;
  }
}

std::string default_text(const Setting& setting) {
  return fmt::to_string(fmt::join(show(setting, Settings{}), ", "));
}

// `-b, --bind ADDRESS`: the short flag first, as people look for it, and the first long one.
std::string synopsis(const Setting& setting) {
  if (setting.flags.empty()) {
    return fmt::format("  {}", setting.value_name);
  }
  std::string_view short_flag;
  for (const std::string_view flag : setting.flags) {
    short_flag = flag.size() == 2 ? flag : short_flag;
  }
  const std::string lead = short_flag.empty() ? "      " : fmt::format("  {}, ", short_flag);
  const std::string_view gap = setting.value_name.empty() ? "" : " ";
  return fmt::format("{}{}{}{}", lead, setting.flags.front(), gap, setting.value_name);
}

// Appends `text` broken at blanks, each line but the first indented; the first begins at `column`.
void append_wrapped(std::string& out, std::string_view text, std::size_t column) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const bool is_first = column == k_help_indent;
    if (!is_first && column + 1 + end > k_help_width) {
      out += '\n';
      out.append(k_help_indent, ' ');
      column = k_help_indent;
    } else if (!is_first) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out += '\n';
}

void append_help(std::string& out, const Setting& setting) {
  const std::string head = synopsis(setting);
  out += head;
  // At least two blanks between flag and sentence, else the sentence has lines of its own.
  if (head.size() + 2 > k_help_indent) {
    out += '\n';
    out.append(k_help_indent, ' ');
  } else {
    out.append(k_help_indent - head.size(), ' ');
  }
  const bool has_value = is_configurable(setting) && !setting.value_name.empty();
  const std::string value = has_value ? default_text(setting) : "";
  // The access log's default is longer than its explanation.
  const bool show_default = !value.empty() && value.size() < k_help_width - k_help_indent;
  append_wrapped(out, std::string(setting.help) + (show_default ? " [" + value + "]" : ""),
                 k_help_indent);
}

std::string code_list(const std::vector<std::string_view>& names) {
  std::string list;
  for (const std::string_view name : names) {
    list += list.empty() ? "`" : ", `";
    list += name;
    list += '`';
  }
  return list;
}

void append_markdown(std::string& out, const Setting& setting) {
  out += fmt::format("\n### {}\n\n{}\n",
                     is_configurable(setting) ? setting.key : setting.flags.front(), setting.help);
  out += "\n| | |\n|---|---|\n";
  std::vector<std::string_view> flags = setting.flags;
  const std::string off = negation(setting);
  if (!off.empty()) {
    flags.emplace_back(off);
  }
  out += flags.empty() ? fmt::format("| argument | `{}` |\n", setting.value_name)
                       : fmt::format("| flags | {} |\n", code_list(flags));
  if (!setting.environment.empty()) {
    out += fmt::format("| environment | `{}` |\n", setting.environment);
  }
  if (is_configurable(setting)) {
    out += fmt::format("| value | {} |\n", expected(setting));
    out += fmt::format("| default | `{} = {}` |\n", setting.key, show_toml(setting, Settings{}));
  }
  if (!setting.details.empty()) {
    out += fmt::format("\n{}\n", setting.details);
  }
}

}  // namespace

std::string help() {
  std::string out =
      "usage: uringcorn serve [APP] [options]\n"
      "       uringcorn check [APP] [options]   is serve --check-config\n"
      "\n"
      "Durations are seconds (30, 0.5) or have a unit (500ms, 30s, 5m); sizes are bytes\n"
      "or have one (8k, 1m, 1g). Defaults are in brackets.\n";
  for_each_row([&out](std::string_view group) { out += fmt::format("\n{}:\n", group); },
               [&out](const Setting& setting) { append_help(out, setting); });
  return out;
}

std::string print_config(const Resolution& resolution) {
  std::string out;
  // The addresses of [[listener]] tables are printed with them.
  Settings settings = resolution.settings;
  settings.bind.resize(settings.bind.size() - resolution.listener_tables.size());
  for_each_row(
      [&out](std::string_view group) {
        if (group != title(Group::command)) {
          out += fmt::format("{}# {}\n", out.empty() ? "" : "\n", group);
        }
      },
      [&](const Setting& setting) {
        const bool is_elsewhere = setting.key == "bind" && settings.bind.empty();
        if (!is_configurable(setting) || is_elsewhere) {
          return;
        }
        const auto row = static_cast<std::size_t>(&setting - table().data());
        const Origin& origin = resolution.origins[row];
        const std::string value = show_toml(setting, settings);
        out += fmt::format("{} = {}  # {}", setting.key, value, escaped(origin.place));
        const std::string shown =
            fmt::to_string(fmt::join(show(setting, resolution.settings), ", "));
        if (origin.kind != Origin::Kind::builtin && origin.given != shown) {
          out += fmt::format(" {}", escaped(origin.given));
        }
        out += '\n';
      });
  for (const Resolution::ListenerTable& table : resolution.listener_tables) {
    out += fmt::format("\n[[listener]]\nbind = {}\n", toml_text(table.bind));
    for (const std::string& line : table.lines) {
      out += line + '\n';
    }
  }
  return out;
}

std::string markdown() {
  std::string out =
      "# Settings\n"
      "\n"
      "<!-- Generated from src/settings/table.cpp; do not edit. -->\n"
      "\n"
      "Each setting can be given on the command line of `uringcorn serve`, in the environment\n"
      "variable `URINGCORN_CMD_ARGS` (which holds command-line arguments, quoted as in a shell),\n"
      "and in a configuration file. From the weakest to the strongest:\n"
      "\n"
      "1. the default,\n"
      "2. `PORT`, `WEB_CONCURRENCY` and `FORWARDED_ALLOW_IPS` in the environment,\n"
      "3. the configuration file: the one of `--config`, else `./uringcorn.toml` if it is there,\n"
      "4. `URINGCORN_CMD_ARGS`,\n"
      "5. the command line.\n"
      "\n"
      "The configuration file is a flat TOML file: lines `key = value`, comments after `#`. An\n"
      "address may also be a table, `[[listener]]` with `bind = \"...\"` below it, after all "
      "other\n"
      "lines; settings of TLS in it (`certfile` to `tls_min`) are for this address alone. "
      "`uringcorn serve --print-config` prints a file with every effective value and where\n"
      "it came from. An unknown key or a value that does not fit is an error with file, line and\n"
      "key, and exit code 2. `uringcorn check` finds such errors before a restart or a reload "
      "does,\n"
      "loads the application, too, and tells what it would run on.\n"
      "\n"
      "A **duration** is a number of seconds (`30`, `0.5`) or a string with a unit (`\"500ms\"`,\n"
      "`\"30s\"`, `\"5m\"`, `\"1h\"`). A **size** is a number of bytes or a string with a power of "
      "1024\n"
      "(`\"8k\"`, `\"1m\"`, `\"1g\"`). On the command line neither needs quotes.\n";
  for_each_row([&out](std::string_view group) { out += fmt::format("\n## {}\n", group); },
               [&out](const Setting& setting) { append_markdown(out, setting); });
  return out;
}

}  // namespace uringcorn::settings
