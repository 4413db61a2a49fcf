// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>

#include "http/field_rules.hpp"

namespace uringcorn {
namespace {

/// Calls `visit(name, value)` for each pair of each Cookie field until it returns false. Pairs are
/// taken as browsers send them, those without a "=" are not pairs (RFC 6265, 4.2.1).
template <class Visit>
void for_each_cookie(const RequestFields& fields, Visit visit) {
  for (const Field& field : fields) {
    if (!http::equals_ignoring_case(field.name, "cookie")) {
      continue;
    }
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t semicolon = rest.find(';');
      const std::string_view pair = http::trim_blanks(rest.substr(0, semicolon));
      rest = semicolon == std::string_view::npos ? std::string_view() : rest.substr(semicolon + 1);
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos &&
          !visit(pair.substr(0, equals), pair.substr(equals + 1))) {
        return;
      }
    }
  }
}

/// cookie-octet of RFC 6265, 4.1.1.
bool is_cookie_char(char c) noexcept {
  return c > ' ' && c < '\x7f' && c != '"' && c != ',' && c != ';' && c != '\\';
}

bool is_cookie_value(std::string_view text) noexcept {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  for (const char c : text) {
    if (!is_cookie_char(c)) {
      return false;
    }
  }
  return true;
}

/// Of Path and Domain: visible ASCII or a space, but no ";".
bool is_attribute_value(std::string_view text) noexcept {
  for (const char c : text) {
    if (c < ' ' || c >= '\x7f' || c == ';') {
      return false;
    }
  }
  return true;
}

void validate(const Cookie& cookie) {
  if (!http::is_token(cookie.name)) {
    throw std::invalid_argument("a cookie's name must be a token (letters, digits, hyphens)");
  }
  if (!is_cookie_value(cookie.value)) {
    throw std::invalid_argument("the value of the cookie " + cookie.name +
                                " has a character that is not allowed: encode it");
  }
  if (!is_attribute_value(cookie.path) || !is_attribute_value(cookie.domain)) {
    throw std::invalid_argument("the path or the domain of the cookie " + cookie.name +
                                " has a character that is not allowed");
  }
  if (cookie.same_site == Cookie::SameSite::none && !cookie.secure) {
    throw std::invalid_argument("browsers refuse the cookie " + cookie.name +
                                ": with SameSite=None it must be secure");
  }
}

std::string_view same_site_name(Cookie::SameSite same_site) noexcept {
  switch (same_site) {
    case Cookie::SameSite::strict:
      return "Strict";
    case Cookie::SameSite::lax:
      return "Lax";
    case Cookie::SameSite::none:
      return "None";
    case Cookie::SameSite::unset:
      break;
  }
  return {};
}

}  // namespace

std::optional<std::string_view> Request::cookie(std::string_view name) const noexcept {
  std::optional<std::string_view> found;
  for_each_cookie(head_.fields, [&](std::string_view cookie_name, std::string_view value) {
    if (cookie_name == name) {
      found = value;
    }
    return !found;
  });
  return found;
}

std::vector<Parameter> Request::cookies() const {
  std::vector<Parameter> all;
  for_each_cookie(head_.fields, [&](std::string_view name, std::string_view value) {
    all.push_back({name, value});
    return true;
  });
  return all;
}

Response& Response::cookie(const Cookie& cookie) & {
  validate(cookie);
  std::string line = cookie.name + "=" + cookie.value;
  const auto append = [&line](std::string_view attribute, std::string_view value) {
    if (!value.empty()) {
      line.append("; ").append(attribute).append("=").append(value);
    }
  };
  append("Path", cookie.path);
  append("Domain", cookie.domain);
  append("Max-Age", cookie.max_age ? std::to_string(cookie.max_age->count()) : std::string());
  append("SameSite", same_site_name(cookie.same_site));
  line.append(cookie.secure ? "; Secure" : "");
  line.append(cookie.http_only ? "; HttpOnly" : "");
  fields_.append("Set-Cookie", line);
  return *this;
}

}  // namespace uringcorn
