// SPDX-License-Identifier: MIT
#include "observe/access_log_format.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "base/escape.hpp"

namespace uringcorn::observe {

namespace {

constexpr std::string_view k_json = "json";
constexpr std::string_view k_absent = "-";

template <typename Number>
void append_number(std::string& out, Number number) {
  const fmt::format_int digits(number);
  out.append(digits.data(), digits.size());
}

template <typename Unit>
std::int64_t whole(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<Unit>(duration).count();
}

// Without padding or with it; empty when it is no base64 (RFC 4648, section 4).
void decode_base64(std::string_view text, std::string& out) {
  out.clear();
  text = text.substr(0, text.find_last_not_of('=') + 1);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    constexpr std::string_view k_alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t value = k_alphabet.find(c);
    if (value == std::string_view::npos) {
      out.clear();
      return;
    }
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
}

// The user name of basic authentication (RFC 7617), into `out`; empty when there is none.
void find_user(const AccessRecord& record, std::string& out) {
  out.clear();
  constexpr std::string_view k_scheme = "basic ";
  const std::string_view value = record.request_fields.get("authorization").value_or("");
  const bool is_basic =
      value.size() > k_scheme.size() &&
      std::equal(k_scheme.begin(), k_scheme.end(), value.begin(),
                 [](char lower, char c) { return lower == (c >= 'A' && c <= 'Z' ? c | 0x20 : c); });
  if (!is_basic) {
    return;
  }
  decode_base64(value.substr(k_scheme.size()), out);
  const std::size_t colon = out.find(':');
  out.resize(colon == std::string::npos ? 0 : colon);
}

// The application may have given the request an id of its own; its answer says which.
std::string_view request_id(const AccessRecord& record) {
  constexpr std::string_view k_field = "x-request-id";
  const std::optional<std::string_view> given = record.response_fields.get(k_field);
  return given ? *given : record.request_fields.get(k_field).value_or("");
}

void append_utc_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const auto second = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&second, &utc);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, ms % 1000);
}

}  // namespace

struct AccessLogFormat::Named {
  std::string_view name;
  Atom atom;
};

std::span<const AccessLogFormat::Named> AccessLogFormat::names() {
  static constexpr std::array k_names{
      Named{"h", Atom::remote_address}, Named{"l", Atom::nothing},
      Named{"u", Atom::user},           Named{"t", Atom::local_time},
      Named{"r", Atom::request_line},   Named{"m", Atom::method},
      Named{"U", Atom::path},           Named{"q", Atom::query},
      Named{"H", Atom::protocol},       Named{"s", Atom::status},
      Named{"B", Atom::body_bytes},     Named{"b", Atom::body_bytes_if_any},
      Named{"f", Atom::referer},        Named{"a", Atom::user_agent},
      Named{"T", Atom::whole_seconds},  Named{"M", Atom::milliseconds},
      Named{"D", Atom::microseconds},   Named{"L", Atom::decimal_seconds},
      Named{"p", Atom::process_id},     Named{"id", Atom::request_id},
  };
  return k_names;
}

std::span<const std::string_view> AccessLogFormat::atom_names() {
  static const std::vector<std::string_view> k_only_names = [] {
    std::vector<std::string_view> only_names;
    for (const Named& named : names()) {
      only_names.push_back(named.name);
    }
    return only_names;
  }();
  return k_only_names;
}

const AccessLogFormat::Named* AccessLogFormat::find_name(std::string_view name) {
  const auto found = std::find_if(names().begin(), names().end(),
                                  [name](const Named& named) { return named.name == name; });
  return found == names().end() ? nullptr : &*found;
}

std::string AccessLogFormat::complaint(const std::string& text) {
  try {
    const AccessLogFormat format(text);
    return {};
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

AccessLogFormat::AccessLogFormat(const std::string& text) {
  if (text == k_json) {
    compile_json();
  } else {
    compile(text);
  }
  add_literal("\n");
}

void AccessLogFormat::compile(std::string_view text) {
  bool in_quotes = false;
  while (!text.empty()) {
    const std::string_view literal = text.substr(0, text.find('%'));
    const bool flips = std::count(literal.begin(), literal.end(), '"') % 2 != 0;
    in_quotes = in_quotes != flips;
    std::string line;
    append_escaped(line, literal);
    add_literal(line);
    text.remove_prefix(literal.size());
    if (text.starts_with("%%")) {
      add_literal("%");
      text.remove_prefix(2);
    } else if (!text.empty()) {
      text.remove_prefix(compile_atom(text, in_quotes));
    }
  }
}

// `text` begins with a percent sign. Returns the length of the atom.
std::size_t AccessLogFormat::compile_atom(std::string_view text, bool in_quotes) {
  const std::size_t close = text.find(")s");
  if (!text.starts_with("%(") || close == std::string_view::npos) {
    throw std::invalid_argument(fmt::format(
        "a percent sign begins an atom such as %(r)s, or is doubled: \"{}\"", escaped(text, 20)));
  }
  const std::string_view name = text.substr(2, close - 2);
  const Style style = in_quotes ? Style::quoted : Style::bare;
  if (name.starts_with('{')) {
    compile_field(name, style);
  } else if (const Named* named = find_name(name)) {
    steps_.push_back({named->atom, style, {}});
  } else {
    throw std::invalid_argument(fmt::format("there is no atom %({})s", escaped(name, 20)));
  }
  return close + 2;
}

// `{user-agent}i`, `{content-type}o`, `{HOSTNAME}e`
void AccessLogFormat::compile_field(std::string_view name, Style style) {
  const std::size_t close = name.find('}');
  const std::string_view kind = close == std::string_view::npos ? "" : name.substr(close + 1);
  const std::string field(name.substr(1, close - 1));
  if (field.empty() || (kind != "i" && kind != "o" && kind != "e")) {
    throw std::invalid_argument(fmt::format(
        "there is no atom %({})s: fields are %({{name}}i)s of the request, %({{name}}o)s "
        "of the answer, and %({{NAME}}e)s an environment variable",
        escaped(name, 40)));
  }
  if (kind == "e") {
    std::string value;
    const char* variable = std::getenv(field.c_str());
    append_value(value, style, variable == nullptr ? "" : variable);
    add_literal(value);
    return;
  }
  steps_.push_back({kind == "i" ? Atom::request_field : Atom::response_field, style, field});
}

void AccessLogFormat::compile_json() {
  struct Member {
    std::string_view opening;
    Atom atom;
  };
  constexpr std::array k_members{
      Member{R"({"time":")", Atom::utc_time},
      Member{R"(","remote_address":)", Atom::remote_address},
      Member{R"(,"user":)", Atom::user},
      Member{R"(,"method":)", Atom::method},
      Member{R"(,"target":)", Atom::target},
      Member{R"(,"protocol":)", Atom::protocol},
      Member{R"(,"status":)", Atom::status},
      Member{R"(,"body_bytes":)", Atom::body_bytes},
      Member{R"(,"duration_us":)", Atom::microseconds},
      Member{R"(,"referer":)", Atom::referer},
      Member{R"(,"user_agent":)", Atom::user_agent},
      Member{R"(,"request_id":)", Atom::request_id},
      Member{R"(,"pid":)", Atom::process_id},
  };
  for (const Member& member : k_members) {
    add_literal(member.opening);
    steps_.push_back({member.atom, Style::json, {}});
  }
  add_literal("}");
}

void AccessLogFormat::add_literal(std::string_view text) {
  if (text.empty()) {
    return;
  }
  if (steps_.empty() || steps_.back().atom != Atom::literal) {
    steps_.push_back({Atom::literal, Style::bare, {}});
  }
  steps_.back().text += text;
}

void AccessLogFormat::append(std::string& out, const AccessRecord& record) {
  for (const Step& step : steps_) {
    append_step(out, step, record);
  }
}

void AccessLogFormat::append_step(std::string& out, const Step& step, const AccessRecord& record) {
  const auto value = [&](std::string_view text) { append_value(out, step.style, text); };
  switch (step.atom) {
    case Atom::literal:
      out += step.text;
      break;
    case Atom::remote_address:
      return value(record.remote_address);
    case Atom::nothing:
      return value({});
    case Atom::user:
      return append_user(out, step.style, record);
    case Atom::local_time:
      return append_local_time(out, record);
    case Atom::utc_time:
      return append_utc_time(out, record.time);
    case Atom::request_line:
      return append_request_line(out, step, record);
    case Atom::method:
      return value(record.method);
    case Atom::target:
      return value(record.target);
    case Atom::path:
      return value(record.path);
    case Atom::query:
      return value(record.query);
    case Atom::protocol:
      return value(record.protocol);
    case Atom::status:
      return append_number(out, record.status);
    case Atom::body_bytes_if_any:
      return record.body_bytes == 0 ? value({}) : append_number(out, record.body_bytes);
    case Atom::body_bytes:
      return append_number(out, record.body_bytes);
    case Atom::referer:
      return value(record.request_fields.get("referer").value_or(""));
    case Atom::user_agent:
      return value(record.request_fields.get("user-agent").value_or(""));
    case Atom::whole_seconds:
      return append_number(out, whole<std::chrono::seconds>(record.duration));
    case Atom::milliseconds:
      return append_number(out, whole<std::chrono::milliseconds>(record.duration));
    case Atom::microseconds:
      return append_number(out, whole<std::chrono::microseconds>(record.duration));
    case Atom::decimal_seconds: {
      const std::int64_t us = whole<std::chrono::microseconds>(record.duration);
      fmt::format_to(std::back_inserter(out), "{}.{:06}", us / 1'000'000, us % 1'000'000);
      break;
    }
    case Atom::process_id:
      if (step.style == Style::json) {
        return append_number(out, ::getpid());
      }
      fmt::format_to(std::back_inserter(out), "<{}>", ::getpid());
      break;
    case Atom::request_id:
      return value(request_id(record));
    case Atom::request_field:
      return value(record.request_fields.get(step.text).value_or(""));
    case Atom::response_field:
      return value(record.response_fields.get(step.text).value_or(""));
  }
}

void AccessLogFormat::append_value(std::string& out, Style style, std::string_view value) {
  if (style != Style::json) {
    append_printable(out, value.empty() ? k_absent : value, style == Style::quoted);
  } else if (value.empty()) {
    out += "null";
  } else {
    out += '"';
    append_json_escaped(out, value);
    out += '"';
  }
}

void AccessLogFormat::append_user(std::string& out, Style style, const AccessRecord& record) {
  find_user(record, user_);
  append_value(out, style, user_);
}

// The blanks between the three parts are ours, so they stay blanks even outside of quotes.
void AccessLogFormat::append_request_line(std::string& out, const Step& step,
                                          const AccessRecord& record) {
  if (record.method.empty()) {
    return append_value(out, step.style, {});
  }
  append_value(out, step.style, record.method);
  out += ' ';
  append_value(out, step.style, record.target);
  out += ' ';
  append_value(out, step.style, record.protocol);
}

void AccessLogFormat::append_local_time(std::string& out, const AccessRecord& record) {
  const std::time_t second = std::chrono::system_clock::to_time_t(record.time);
  if (second != second_) {
    std::tm local{};
    ::localtime_r(&second, &local);
    char text[64];
    local_time_.assign(text, std::strftime(text, sizeof text, "[%d/%b/%Y:%H:%M:%S %z]", &local));
    second_ = second;
  }
  out += local_time_;
}

}  // namespace uringcorn::observe
