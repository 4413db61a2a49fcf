// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include <uringcorn/request.hpp>

namespace uringcorn::http {

/// RFC 9112 section 3.2. HTTP/2 has all but `absolute`, by other means (RFC 9113 section 8.3.1).
enum class TargetForm : std::uint8_t { origin, absolute, asterisk, authority };

/// Sets the path and the query of `head`, whose method and target are there already.
/// `path_and_query` is what the target says of them: empty in the forms that have no path. False:
/// the path has a "%" that begins no escape, or stands for NUL.
bool set_path(detail::RequestHead& head, TargetForm form, std::string_view path_and_query,
              detail::Arena& arena);

}  // namespace uringcorn::http
