// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <uringcorn/request.hpp>

namespace uringcorn::http {

/// The method that a token names. Methods are case-sensitive (RFC 9110 section 9.1).
constexpr Method known_method(std::string_view name) noexcept {
  switch (name.size()) {
    case 3:
      return name == "GET" ? Method::get : name == "PUT" ? Method::put : Method::other;
    case 4:
      return name == "POST" ? Method::post : name == "HEAD" ? Method::head : Method::other;
    case 5:
      return name == "PATCH" ? Method::patch : name == "TRACE" ? Method::trace : Method::other;
    case 6:
      return name == "DELETE" ? Method::del : Method::other;
    case 7:
      return name == "OPTIONS"   ? Method::options
             : name == "CONNECT" ? Method::connect
                                 : Method::other;
    default:
      return Method::other;
  }
}

}  // namespace uringcorn::http
