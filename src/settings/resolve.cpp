// SPDX-License-Identifier: MIT
#include "settings/resolve.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/escape.hpp"
#include "settings/command_line.hpp"
#include "settings/config_file.hpp"
#include "settings/error.hpp"
#include "settings/gunicorn_names.hpp"
#include "settings/listeners.hpp"
#include "settings/nearest.hpp"
#include "settings/table.hpp"
#include "settings/value.hpp"
#include "settings/words.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::string_view k_arguments_variable = "URINGCORN_CMD_ARGS";
constexpr std::string_view k_default_config = "uringcorn.toml";
constexpr std::string_view k_listener = "listener";
constexpr std::size_t k_longest_complaint = 500;

// An empty variable counts as an unset one, as everywhere in a shell script's `${PORT:-8000}`.
std::optional<std::string> variable(const Sources& sources, std::string_view name) {
  const auto found = sources.environment.find(std::string(name));
  if (found == sources.environment.end() || found->second.empty()) {
    return std::nullopt;
  }
  return found->second;
}

const Given* find_given(const std::vector<Given>& given, std::string_view key) {
  const auto found = std::find_if(given.begin(), given.end(),
                                  [key](const Given& one) { return one.setting->key == key; });
  return found == given.end() ? nullptr : &*found;
}

Action action_of(const std::vector<Given>& given) {
  if (find_given(given, "help") != nullptr) {
    return Action::help;
  }
  if (find_given(given, "version") != nullptr) {
    return Action::version;
  }
  if (find_given(given, "print_config") != nullptr) {
    return Action::print_config;
  }
  return find_given(given, "check_config") != nullptr ? Action::check : Action::serve;
}

// The first value of a type that the setting does not take, or null.
const ConfigValue* first_wrong(const Setting& setting, const ConfigEntry& entry) {
  using Type = ConfigValue::Type;
  const auto fits = [&setting](const ConfigValue& value) {
    if (std::holds_alternative<Number>(setting.target) ||
        std::holds_alternative<Count>(setting.target)) {
      return value.type == Type::integer;
    }
    if (std::holds_alternative<Switch>(setting.target)) {
      return value.type == Type::boolean;
    }
    if (std::holds_alternative<Duration>(setting.target)) {
      return value.type != Type::boolean;
    }
    if (std::holds_alternative<Size>(setting.target) ||
        std::holds_alternative<WorkerCount>(setting.target)) {
      return value.type == Type::integer || value.type == Type::string;
    }
    return value.type == Type::string;
  };
  const auto wrong = std::find_if_not(entry.values.begin(), entry.values.end(), fits);
  return wrong == entry.values.end() ? nullptr : &*wrong;
}

std::string described(const ConfigValue& value) {
  switch (value.type) {
    case ConfigValue::Type::string:
      return "the string " + in_quotes(value.text);
    case ConfigValue::Type::boolean:
      return value.text;
    case ConfigValue::Type::integer:
    case ConfigValue::Type::decimal:
      break;
  }
  return "the number " + value.text;
}

class Resolver {
 public:
  explicit Resolver(const Sources& sources) : sources_(sources) {
    resolution_.origins.resize(table().size());
  }

  Resolution run() {
    const std::vector<Given> line = parse_command_line(sources_.arguments);
    resolution_.action = action_of(line);
    if (resolution_.action == Action::help || resolution_.action == Action::version) {
      return std::move(resolution_);
    }
    const std::vector<Given> from_variable = environment_arguments();
    apply_environment();
    apply_config_file(line, from_variable);
    apply_given(from_variable, Origin::Kind::environment_arguments);
    apply_given(line, Origin::Kind::command_line);
    refuse_contradictory_limits();
    refuse_captured_access_log();
    refuse_http2_of_sync();
    make_listeners();
    return std::move(resolution_);
  }

 private:
  std::vector<Given> environment_arguments() const {
    const std::optional<std::string> text = variable(sources_, k_arguments_variable);
    if (!text) {
      return {};
    }
    try {
      std::vector<Given> given = parse_command_line(split_words(*text));
      for (const Given& one : given) {
        if (std::holds_alternative<Print>(one.setting->target)) {
          throw SettingsError(
              fmt::format("{} belongs on the command line", command_line_name(*one.setting)));
        }
      }
      return given;
    } catch (const SettingsError& error) {
      throw SettingsError(fmt::format("{}: {}", k_arguments_variable, error.what()));
    }
  }

  void apply_environment() {
    for (const Setting& setting : table()) {
      const std::optional<std::string> text =
          setting.environment.empty() ? std::nullopt : variable(sources_, setting.environment);
      if (!text) {
        continue;
      }
      const std::string place(setting.environment);
      std::optional<std::string> value =
          setting.from_environment == nullptr ? text : setting.from_environment(*text);
      if (!value) {
        throw SettingsError(
            fmt::format("{}: {} is not a port number (0 to 65535)", place, in_quotes(*text)));
      }
      apply(setting, {*std::move(value)}, {Origin::Kind::environment, place, *text}, place);
    }
  }

  void apply_config_file(const std::vector<Given>& line, const std::vector<Given>& from_variable) {
    std::string asked = "--config: ";
    const Given* given = find_given(line, "config");
    if (given == nullptr) {
      asked = fmt::format("{}: --config: ", k_arguments_variable);
      given = find_given(from_variable, "config");
    }
    const std::string name = given == nullptr ? std::string(k_default_config) : given->texts.back();
    const std::filesystem::path path = sources_.directory / name;
    std::error_code ignored;
    const bool may_be_missing =
        given == nullptr && !sources_.expects_config && !std::filesystem::exists(path, ignored);
    if (name.empty() || may_be_missing) {
      return;
    }
    std::string text;
    try {
      text = read_config(path);
    } catch (const SettingsError& error) {
      throw SettingsError((given == nullptr ? "" : asked) + error.what());
    }
    resolution_.config_file = name;
    Config config = parse_config(text, escaped(name));
    add_listeners(config, escaped(name));
    for (const ConfigEntry& entry : config.entries) {
      apply_entry(entry, fmt::format("{}:{}", escaped(name), entry.line));
    }
  }

  // The address of each [[listener]] goes behind those of `bind`, if that is there; what else is in
  // it is looked at when all the rest is known.
  void add_listeners(Config& config, const std::string& name) {
    for (ConfigTable& table : config.tables) {
      const ConfigEntry& address = address_of(table, name);
      const auto bind = std::find_if(config.entries.begin(), config.entries.end(),
                                     [](const ConfigEntry& entry) { return entry.key == "bind"; });
      if (bind == config.entries.end()) {
        config.entries.push_back(address);
      } else {
        bind->values.push_back(address.values.front());
      }
      tables_.push_back({std::move(table), name});
    }
  }

  static const ConfigEntry& address_of(const ConfigTable& table, const std::string& name) {
    if (table.name != k_listener) {
      throw SettingsError(fmt::format("{}:{}: unknown table [[{}]] (there is only [[{}]])", name,
                                      table.line, escaped(table.name), k_listener));
    }
    for (const ConfigEntry& entry : table.entries) {
      if (entry.key != "bind" && !is_of_listener(entry.key)) {
        throw SettingsError(fmt::format("{}:{}: a [[{}]] has no setting {}", name, entry.line,
                                        k_listener, in_quotes(entry.key)));
      }
    }
    const auto address = std::find_if(table.entries.begin(), table.entries.end(),
                                      [](const ConfigEntry& entry) { return entry.key == "bind"; });
    if (address == table.entries.end()) {
      throw SettingsError(
          fmt::format("{}:{}: the [[{}]] has no bind", name, table.line, k_listener));
    }
    if (address->is_array || address->values.front().type != ConfigValue::Type::string) {
      throw SettingsError(fmt::format("{}:{}: bind: a [[{}]] has one address, a text", name,
                                      address->line, k_listener));
    }
    return *address;
  }

  void apply_entry(const ConfigEntry& entry, const std::string& place) {
    const Setting* setting = find_key(entry.key);
    if (setting == nullptr || !is_configurable(*setting)) {
      refuse_key(entry.key, place);
    }
    std::vector<std::string> texts = texts_of(*setting, entry, place);
    const std::string given = fmt::to_string(fmt::join(texts, ", "));
    apply(*setting, texts, {Origin::Kind::config_file, place, given},
          fmt::format("{}: {}", place, setting->key));
  }

  static std::vector<std::string> texts_of(const Setting& setting, const ConfigEntry& entry,
                                           const std::string& place) {
    const std::string name = fmt::format("{}: {}", place, setting.key);
    if (entry.is_array && !takes_several(setting)) {
      throw SettingsError(fmt::format("{}: expected {}, found an array", name, expected(setting)));
    }
    if (entry.values.empty() && !setting.may_be_empty) {
      throw SettingsError(fmt::format("{}: the array is empty", name));
    }
    const ConfigValue* wrong = first_wrong(setting, entry);
    if (wrong != nullptr) {
      throw SettingsError(
          fmt::format("{}: expected {}, found {}", name, expected(setting), described(*wrong)));
    }
    std::vector<std::string> texts;
    for (const ConfigValue& value : entry.values) {
      texts.push_back(value.text);
    }
    return texts;
  }

  [[noreturn]] static void refuse_key(const std::string& key, const std::string& place) {
    std::vector<std::string_view> keys;
    for (const Setting& setting : table()) {
      if (is_configurable(setting)) {
        keys.push_back(setting.key);
      }
    }
    std::string advice = gunicorn_key_advice(key);
    const std::string_view meant = advice.empty() ? nearest(key, keys) : "";
    if (!meant.empty()) {
      advice = fmt::format("did you mean {}?", meant);
    }
    throw SettingsError(fmt::format("{}: unknown setting {}{}", place, in_quotes(key),
                                    advice.empty() ? "" : fmt::format(" ({})", advice)));
  }

  void apply_given(const std::vector<Given>& given, Origin::Kind kind) {
    for (const Given& one : given) {
      if (!is_configurable(*one.setting)) {
        continue;
      }
      std::string name(command_line_name(*one.setting));
      if (kind == Origin::Kind::environment_arguments) {
        name = fmt::format("{}: {}", k_arguments_variable, name);
      }
      const bool is_list = takes_several(*one.setting);
      const std::string text =
          is_list ? fmt::to_string(fmt::join(one.texts, ", ")) : one.texts.back();
      apply(*one.setting, one.texts, {kind, name, text}, name);
    }
  }

  // `name` is what a complaint about the value begins with.
  void apply(const Setting& setting, const std::vector<std::string>& texts, Origin origin,
             const std::string& name) {
    fill(setting, texts, resolution_.settings, name);
    origin_of(setting) = std::move(origin);
  }

  void fill(const Setting& setting, const std::vector<std::string>& texts, Settings& settings,
            const std::string& name) const {
    refuse_if(assign(setting, texts, settings), name);
    for (const Check& check : sources_.checks) {
      if (check.key != setting.key) {
        continue;
      }
      for (const std::string& text : texts) {
        refuse_if(check.complaint(text), name);
      }
    }
  }

  static void refuse_if(const std::string& complaint, const std::string& name) {
    if (!complaint.empty()) {
      throw SettingsError(fmt::format("{}: {}", name, escaped(complaint, k_longest_complaint)));
    }
  }

  Origin& origin_of(const Setting& setting) {
    return resolution_.origins[static_cast<std::size_t>(&setting - table().data())];
  }

  // The head holds the line and each field; smaller than one of them, it would be the real limit.
  void refuse_contradictory_limits() {
    const Setting& head = *find_key("limit_request_head");
    for (const std::string_view key : {"limit_request_line", "limit_request_field_size"}) {
      const Setting& part = *find_key(key);
      const std::size_t part_size = resolution_.settings.*std::get<Size>(part.target).member;
      if (part_size > resolution_.settings.limit_request_head) {
        throw SettingsError(
            fmt::format("{} ({}, {}) is more than {} ({}, {}), which includes it: raise {}", key,
                        show(part, resolution_.settings).front(), origin_of(part).place, head.key,
                        show(head, resolution_.settings).front(), origin_of(head).place, head.key));
      }
    }
  }

  void refuse_captured_access_log() {
    const Settings& settings = resolution_.settings;
    if (settings.capture_output && settings.error_logfile != "-" &&
        settings.access_logfile == "-") {
      throw SettingsError(fmt::format(
          "access_logfile (-, {}) is standard output, which capture_output ({}) sends to the error "
          "log: give the access log a file",
          origin_of(*find_key("access_logfile")).place,
          origin_of(*find_key("capture_output")).place));
    }
  }

  // A connection of HTTP/2 carries many requests at a time, a worker of class sync has one.
  void refuse_http2_of_sync() {
    const Settings& settings = resolution_.settings;
    if (settings.worker_class != "sync") {
      return;
    }
    const auto refuse = [this](std::string_view key) {
      const Setting& setting = *find_key(key);
      throw SettingsError(fmt::format(
          "{} ({}, {}) asks for HTTP/2, and the worker_class sync ({}) speaks HTTP/1.1 only: take "
          "the class threads or async",
          key, show(setting, resolution_.settings).front(), origin_of(setting).place,
          origin_of(*find_key("worker_class")).place));
    };
    if (settings.http_protocols == HttpProtocols::h2) {
      refuse("http_protocols");
    }
    if (settings.http2_cleartext) {
      refuse("http2_cleartext");
    }
  }

  void make_listeners() {
    Settings& settings = resolution_.settings;
    if (origin_of(*find_key("bind")).kind != Origin::Kind::config_file) {
      tables_.clear();  // a stronger source has other addresses
    }
    const std::size_t plain = settings.bind.size() - tables_.size();
    for (std::size_t i = 0; i < settings.bind.size(); ++i) {
      const TlsSettings& common = settings;
      const TlsSettings tls = i < plain ? common : tls_of(tables_[i - plain]);
      settings.listeners.push_back(listener_at(settings.bind[i], tls));
    }
  }

  struct ListenerTable {
    ConfigTable table;
    std::string file;
  };

  // The TLS of a [[listener]]: what it says itself, else what the settings say.
  TlsSettings tls_of(const ListenerTable& listener) {
    Settings own = resolution_.settings;
    Resolution::ListenerTable printed;
    for (const ConfigEntry& entry : listener.table.entries) {
      const std::string place = fmt::format("{}:{}", listener.file, entry.line);
      if (entry.key == "bind") {
        printed.bind = entry.values.front().text;
        continue;
      }
      if (entry.key == "certfile") {
        forget_files_of_other_certificates(listener.table, own);
      }
      const Setting& setting = *find_key(entry.key);
      fill(setting, texts_of(setting, entry, place), own, place + ": " + std::string(setting.key));
      printed.lines.push_back(fmt::format("{} = {}", setting.key, show_toml(setting, own)));
    }
    resolution_.listener_tables.push_back(std::move(printed));
    const TlsSettings& tls = own;
    return tls;
  }

  // The key of another certificate, and what is stapled to it, are of no use to this one.
  static void forget_files_of_other_certificates(const ConfigTable& table, TlsSettings& own) {
    const auto has = [&table](std::string_view key) {
      return std::any_of(table.entries.begin(), table.entries.end(),
                         [key](const ConfigEntry& entry) { return entry.key == key; });
    };
    if (!has("keyfile")) {
      own.keyfile.clear();
    }
    if (!has("ocsp_file")) {
      own.ocsp_file.clear();
    }
  }

  const Sources& sources_;
  Resolution resolution_;
  std::vector<ListenerTable> tables_;
};

}  // namespace

Resolution resolve(const Sources& sources) {
  return Resolver(sources).run();
}

Sources process_sources(int argc, char** argv, int first) {
  Sources sources;
  sources.arguments.assign(argv + std::min(first, argc), argv + argc);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return sources;
}

}  // namespace uringcorn::settings
