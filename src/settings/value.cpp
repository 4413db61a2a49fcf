// SPDX-License-Identifier: MIT
#include "settings/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/escape.hpp"
#include "settings/cpu_count.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_no_maximum = std::numeric_limits<std::int64_t>::max();

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

constexpr std::array k_reactors{Named<ReactorChoice>{"auto", ReactorChoice::automatic},
                                Named<ReactorChoice>{"io_uring", ReactorChoice::io_uring},
                                Named<ReactorChoice>{"epoll", ReactorChoice::epoll}};
constexpr std::array k_proxies{Named<ProxyProtocol>{"off", ProxyProtocol::off},
                               Named<ProxyProtocol>{"v1", ProxyProtocol::v1},
                               Named<ProxyProtocol>{"v2", ProxyProtocol::v2},
                               Named<ProxyProtocol>{"auto", ProxyProtocol::automatic}};
constexpr std::array k_cert_reqs{Named<CertReqs>{"none", CertReqs::none},
                                 Named<CertReqs>{"optional", CertReqs::optional},
                                 Named<CertReqs>{"required", CertReqs::required},
                                 Named<CertReqs>{"0", CertReqs::none},
                                 Named<CertReqs>{"1", CertReqs::optional},
                                 Named<CertReqs>{"2", CertReqs::required}};
constexpr std::array k_tls_versions{Named<TlsVersion>{"1.2", TlsVersion::tls_1_2},
                                    Named<TlsVersion>{"1.3", TlsVersion::tls_1_3}};
constexpr std::array k_compressions{
    Named<WebSocketCompression>{"off", WebSocketCompression::off},
    Named<WebSocketCompression>{"message", WebSocketCompression::message},
    Named<WebSocketCompression>{"context", WebSocketCompression::context}};
// Of several names for one value the first is shown.
constexpr std::array k_protocols{Named<HttpProtocols>{"h1", HttpProtocols::h1},
                                 Named<HttpProtocols>{"h2", HttpProtocols::h2},
                                 Named<HttpProtocols>{"h1,h2", HttpProtocols::h1_and_h2},
                                 Named<HttpProtocols>{"h2,h1", HttpProtocols::h1_and_h2}};
constexpr std::array k_levels{
    Named<LogLevel>{"debug", LogLevel::debug}, Named<LogLevel>{"info", LogLevel::info},
    Named<LogLevel>{"warning", LogLevel::warning}, Named<LogLevel>{"error", LogLevel::error},
    Named<LogLevel>{"critical", LogLevel::critical}};

constexpr std::array k_formats{Named<LogFormat>{"text", LogFormat::text},
                               Named<LogFormat>{"json", LogFormat::json}};
constexpr std::array k_facilities{
    Named<int>{"auth", 4},    Named<int>{"authpriv", 10}, Named<int>{"cron", 9},
    Named<int>{"daemon", 3},  Named<int>{"ftp", 11},      Named<int>{"kern", 0},
    Named<int>{"lpr", 6},     Named<int>{"mail", 2},      Named<int>{"news", 7},
    Named<int>{"syslog", 5},  Named<int>{"user", 1},      Named<int>{"uucp", 8},
    Named<int>{"local0", 16}, Named<int>{"local1", 17},   Named<int>{"local2", 18},
    Named<int>{"local3", 19}, Named<int>{"local4", 20},   Named<int>{"local5", 21},
    Named<int>{"local6", 22}, Named<int>{"local7", 23}};

constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> k_size_units{
    {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}}};
// `ms` before `m` and `s`, which are its ends.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> k_duration_units{
    {{"ms", 1}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}}};

bool is_same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [lower](char x, char y) { return lower(x) == lower(y); });
}

// In either case, as gunicorn takes `INFO`.
template <typename Value, std::size_t N>
const Named<Value>* find_name(const std::array<Named<Value>, N>& names, std::string_view name) {
  for (const Named<Value>& candidate : names) {
    if (is_same_word(candidate.name, name)) {
      return &candidate;
    }
  }
  return nullptr;
}

template <typename Value, std::size_t N>
std::string_view name_of(const std::array<Named<Value>, N>& names, Value value) {
  for (const Named<Value>& candidate : names) {
    if (candidate.value == value) {
      return candidate.name;
    }
  }
  return {};
}

template <typename Value, std::size_t N>
std::string one_of(const std::array<Named<Value>, N>& names) {
  std::string list = "one of ";
  for (std::size_t i = 0; i < N; ++i) {
    list += i == 0 ? "" : (i + 1 == N ? " or " : ", ");
    list += names[i].name;
  }
  return list;
}

std::string range(const Setting& setting, std::string (*show_bound)(std::int64_t)) {
  if (setting.maximum == k_no_maximum) {
    return fmt::format(" ({} or more)", show_bound(setting.minimum));
  }
  return fmt::format(" ({} to {})", show_bound(setting.minimum), show_bound(setting.maximum));
}

std::string show_number(std::int64_t number) {
  return fmt::to_string(number);
}

std::optional<std::int64_t> parse_octal(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, 8);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

bool in_range(const Setting& setting, std::optional<std::int64_t> value) {
  return value && *value >= setting.minimum && *value <= setting.maximum;
}

// One overload a kind of target: parse the text, and fill the field if it is a value.
struct Assign {
  const Setting& setting;
  std::span<const std::string> texts;
  Settings& settings;
  /// What is wrong, where it can be said better than by what was expected.
  std::string& problem;

  const std::string& text() const { return texts.back(); }

  template <typename Field, typename Value>
  bool store(Field Settings::* member, std::optional<Value> value) const {
    if (!in_range(setting, value)) {
      return false;
    }
    settings.*member = static_cast<Field>(*value);
    return true;
  }
  template <typename Value, std::size_t N>
  bool store(Value Settings::* member, const std::array<Named<Value>, N>& names) const {
    const Named<Value>* found = find_name(names, text());
    if (found != nullptr) {
      settings.*member = found->value;
    }
    return found != nullptr;
  }

  bool operator()(Text target) const {
    settings.*target.member = text();
    return true;
  }
  bool operator()(List target) const {
    (settings.*target.member).assign(texts.begin(), texts.end());
    return true;
  }
  bool operator()(Addresses target) const {
    AddressList list;
    for (const std::string& one : texts) {
      problem = list.add(one);
      if (!problem.empty()) {
        return false;
      }
    }
    settings.*target.member = std::move(list);
    return true;
  }
  bool operator()(Number target) const { return store(target.member, parse_number(text())); }
  bool operator()(Count target) const { return store(target.member, parse_number(text())); }
  bool operator()(Size target) const { return store(target.member, parse_size(text())); }
  bool operator()(WorkerCount target) const {
    if (text() == "auto") {
      const std::int64_t cpus = usable_cpus();
      return store(target.member, std::optional(std::min(cpus, setting.maximum)));
    }
    return store(target.member, parse_number(text()));
  }
  bool operator()(Duration target) const {
    const auto ms = parse_duration(text());
    if (!in_range(setting, ms)) {
      return false;
    }
    settings.*target.member = std::chrono::milliseconds(*ms);
    return true;
  }
  bool operator()(Reactor target) const { return store(target.member, k_reactors); }
  bool operator()(Proxy target) const { return store(target.member, k_proxies); }
  bool operator()(ClientCertificates target) const { return store(target.member, k_cert_reqs); }
  bool operator()(Tls target) const { return store(target.member, k_tls_versions); }
  bool operator()(Compression target) const { return store(target.member, k_compressions); }
  bool operator()(Protocols target) const { return store(target.member, k_protocols); }
  bool operator()(Level target) const { return store(target.member, k_levels); }
  bool operator()(Format target) const { return store(target.member, k_formats); }
  bool operator()(Facility target) const { return store(target.member, k_facilities); }
  bool operator()(Switch target) const {
    const bool is_on = text() == "true";
    if (!is_on && text() != "false") {
      return false;
    }
    settings.*target.member = is_on;
    return true;
  }
  bool operator()(FileMask target) const {
    if (text().empty()) {
      settings.*target.member = -1;
      return true;
    }
    return store(target.member, parse_octal(text()));
  }
  bool operator()(ConfigFile) const { return true; }
  bool operator()(Print) const { return true; }
};

struct Show {
  const Settings& settings;
  using Texts = std::vector<std::string>;

  Texts operator()(Text target) const { return {settings.*target.member}; }
  Texts operator()(List target) const { return settings.*target.member; }
  Texts operator()(Addresses target) const {
    Texts texts = (settings.*target.member).texts();
    return texts.empty() ? Texts{""} : texts;
  }
  Texts operator()(Number target) const { return {fmt::to_string(settings.*target.member)}; }
  Texts operator()(WorkerCount target) const { return {fmt::to_string(settings.*target.member)}; }
  Texts operator()(Count target) const { return {fmt::to_string(settings.*target.member)}; }
  Texts operator()(Size target) const {
    return {show_size(static_cast<std::int64_t>(settings.*target.member))};
  }
  Texts operator()(Duration target) const {
    return {show_duration((settings.*target.member).count())};
  }
  Texts operator()(Reactor target) const {
    return {std::string(name_of(k_reactors, settings.*target.member))};
  }
  Texts operator()(Proxy target) const {
    return {std::string(name_of(k_proxies, settings.*target.member))};
  }
  Texts operator()(ClientCertificates target) const {
    return {std::string(name_of(k_cert_reqs, settings.*target.member))};
  }
  Texts operator()(Tls target) const {
    return {std::string(name_of(k_tls_versions, settings.*target.member))};
  }
  Texts operator()(Compression target) const {
    return {std::string(name_of(k_compressions, settings.*target.member))};
  }
  Texts operator()(Protocols target) const {
    return {std::string(name_of(k_protocols, settings.*target.member))};
  }
  Texts operator()(Level target) const {
    return {std::string(name_of(k_levels, settings.*target.member))};
  }
  Texts operator()(Format target) const {
    return {std::string(name_of(k_formats, settings.*target.member))};
  }
  Texts operator()(Facility target) const {
    return {std::string(name_of(k_facilities, settings.*target.member))};
  }
  Texts operator()(Switch target) const { return {settings.*target.member ? "true" : "false"}; }
  Texts operator()(FileMask target) const {
    const int mask = settings.*target.member;
    return {mask < 0 ? std::string() : fmt::format("{:03o}", mask)};
  }
  Texts operator()(ConfigFile) const { return {}; }
  Texts operator()(Print) const { return {}; }
};

struct Expected {
  const Setting& setting;

  std::string operator()(Text) const { return "a text"; }
  std::string operator()(List) const { return "a text or an array of texts"; }
  std::string operator()(Addresses) const {
    return "IP addresses and networks such as 127.0.0.1 or 10.0.0.0/8, or *";
  }
  std::string operator()(Number) const { return "a whole number" + range(setting, show_number); }
  std::string operator()(Count) const { return "a whole number" + range(setting, show_number); }
  std::string operator()(WorkerCount) const {
    return "a whole number or \"auto\"" + range(setting, show_number);
  }
  std::string operator()(Size) const {
    return "a size such as 8190, 8k, 1m or 1g" + range(setting, show_size);
  }
  std::string operator()(Duration) const {
    return "a duration such as 30, 0.5, 500ms, 30s or 5m" + range(setting, show_duration);
  }
  std::string operator()(Reactor) const { return one_of(k_reactors); }
  std::string operator()(Proxy) const { return one_of(k_proxies); }
  std::string operator()(ClientCertificates) const {
    return "none, optional or required, or gunicorn's 0, 1 or 2";
  }
  std::string operator()(Tls) const { return one_of(k_tls_versions); }
  std::string operator()(Compression) const { return one_of(k_compressions); }
  std::string operator()(Protocols) const { return one_of(k_protocols); }
  std::string operator()(Level) const { return one_of(k_levels); }
  std::string operator()(Format) const { return one_of(k_formats); }
  std::string operator()(Facility) const { return one_of(k_facilities); }
  std::string operator()(Switch) const { return "true or false"; }
  std::string operator()(FileMask) const { return "an octal text such as \"022\" or \"0077\""; }
  std::string operator()(ConfigFile) const { return "a file name"; }
  std::string operator()(Print) const { return "given without a value"; }
};

// Sizes and durations are numbers too, as long as no unit is shown.
bool needs_no_quotes(const Target& target, std::string_view text) {
  return std::holds_alternative<Switch>(target) ||
         (!std::holds_alternative<Text>(target) && !std::holds_alternative<FileMask>(target) &&
          parse_number(text).has_value());
}

bool holds_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < ' ' || byte == 0x7f;
  });
}

}  // namespace

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc{} || stop != end) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  std::int64_t unit = 1;
  for (const auto& [suffix, bytes] : k_size_units) {
    const bool is_unit = !text.empty() && (text.back() | 0x20) == suffix[0];
    if (is_unit) {
      unit = bytes;
      text.remove_suffix(1);
      break;
    }
  }
  const std::optional<std::int64_t> number = parse_number(text);
  if (!number || *number < 0 || *number > k_no_maximum / unit) {
    return std::nullopt;
  }
  return *number * unit;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  std::int64_t unit_ms = 1000;
  for (const auto& [suffix, ms] : k_duration_units) {
    if (text.ends_with(suffix)) {
      unit_ms = ms;
      text.remove_suffix(suffix.size());
      break;
    }
  }
  // from_chars alone would also take "inf", "nan" and a minus.
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) {
    return std::nullopt;
  }
  double number = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number, std::chars_format::fixed);
  const double ms = number * static_cast<double>(unit_ms);
  constexpr double k_exact_in_double = 9e15;
  if (error != std::errc{} || stop != end || ms > k_exact_in_double || (ms > 0 && ms < 1)) {
    return std::nullopt;
  }
  return std::llround(ms);
}

std::string show_size(std::int64_t bytes) {
  for (const auto& [suffix, unit] : k_size_units) {
    if (bytes != 0 && bytes % unit == 0) {
      return fmt::format("{}{}", bytes / unit, suffix);
    }
  }
  return fmt::to_string(bytes);
}

std::string show_duration(std::int64_t ms) {
  if (ms == 0) {
    return "0";
  }
  constexpr std::int64_t k_hour_ms = 3'600'000;
  constexpr std::int64_t k_second_ms = 1000;
  if (ms % k_hour_ms == 0) {
    return fmt::format("{}h", ms / k_hour_ms);
  }
  return ms % k_second_ms == 0 ? fmt::format("{}s", ms / k_second_ms) : fmt::format("{}ms", ms);
}

std::string assign(const Setting& setting, std::span<const std::string> texts, Settings& settings) {
  const auto is_empty = [](const std::string& text) { return text.empty(); };
  if (!setting.may_be_empty && std::any_of(texts.begin(), texts.end(), is_empty)) {
    return "must not be empty";
  }
  if (!setting.may_hold_controls && std::any_of(texts.begin(), texts.end(), holds_controls)) {
    return "must not hold control characters";
  }
  std::string problem;
  if (std::visit(Assign{setting, texts, settings, problem}, setting.target)) {
    return {};
  }
  if (!problem.empty()) {
    return problem;
  }
  return fmt::format("{} is not {}", in_quotes(texts.back()), expected(setting));
}

std::vector<std::string> show(const Setting& setting, const Settings& settings) {
  return std::visit(Show{settings}, setting.target);
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string show_toml(const Setting& setting, const Settings& settings) {
  const std::vector<std::string> texts = show(setting, settings);
  if (!takes_several(setting)) {
    return needs_no_quotes(setting.target, texts.front()) ? texts.front()
                                                          : toml_text(texts.front());
  }
  std::string array = "[";
  for (const std::string& text : texts) {
    array += array.size() > 1 ? ", " : "";
    array += toml_text(text);
  }
  return array + "]";
}

std::string expected(const Setting& setting) {
  return std::visit(Expected{setting}, setting.target);
}

std::string in_quotes(std::string_view text) {
  return '"' + escaped(text) + '"';
}

}  // namespace uringcorn::settings
