// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "observe/access_record.hpp"

namespace uringcorn::observe {

/// A template of the access log, compiled: gunicorn's atoms `%(name)s`, `%%`, and text; or `json`.
///
/// In a template, what is absent is `-`, and `"`, `\` and all that is not printable ASCII is
/// written as `\xNN`; outside of quotes blanks are, too, so that no value can pass for two. In
/// JSON, what is absent is null. Either way a record is one line and nothing in it can pass for
/// another.
///
/// Belongs to one thread: it keeps the text of the current second.
class AccessLogFormat {
 public:
  /// The names that a template may use, without the `{field}i` family.
  static std::span<const std::string_view> atom_names();

  /// Why the template cannot be compiled, as the end of a sentence about it; empty when it can.
  static std::string complaint(const std::string& text);

  /// Throws `std::invalid_argument` with that complaint.
  explicit AccessLogFormat(const std::string& text);

  /// Appends the record and a line end.
  void append(std::string& out, const AccessRecord& record);

 private:
  enum class Atom {
    literal,
    remote_address,
    nothing,
    user,
    local_time,
    request_line,
    method,
    path,
    query,
    protocol,
    status,
    body_bytes,
    body_bytes_if_any,
    referer,
    user_agent,
    whole_seconds,
    milliseconds,
    microseconds,
    decimal_seconds,
    process_id,
    request_id,
    request_field,
    response_field,
    target,
    utc_time,
  };
  enum class Style { bare, quoted, json };

  struct Step {
    Atom atom;
    Style style;
    std::string text;  // the literal, or the field's name
  };

  struct Named;
  static std::span<const Named> names();
  static const Named* find_name(std::string_view name);

  void compile(std::string_view text);
  std::size_t compile_atom(std::string_view text, bool in_quotes);
  void compile_field(std::string_view name, Style style);
  void compile_json();
  void add_literal(std::string_view text);

  void append_step(std::string& out, const Step& step, const AccessRecord& record);
  static void append_value(std::string& out, Style style, std::string_view value);
  void append_user(std::string& out, Style style, const AccessRecord& record);
  static void append_request_line(std::string& out, const Step& step, const AccessRecord& record);
  void append_local_time(std::string& out, const AccessRecord& record);

  std::vector<Step> steps_;
  std::time_t second_ = -1;  // the one that local_time_ shows
  std::string local_time_;
  std::string user_;
};

}  // namespace uringcorn::observe
