// SPDX-License-Identifier: MIT
#include "app/route_path.hpp"

#include <algorithm>
#include <cstddef>

#include "http/percent.hpp"
#include "http/request_access.hpp"

namespace uringcorn::app {
namespace {

/// The protocol refuses a path with NUL, and so does a pattern.
constexpr char k_escaped_slash = '\0';

/// The path in a request target, not decoded (RFC 9112, 3.2.1 and 3.2.2).
std::string_view raw_path(std::string_view target) noexcept {
  target = target.substr(0, target.find('?'));
  if (target.starts_with('/')) {
    return target;
  }
  const std::size_t authority = target.find("://");
  const std::size_t path = authority == target.npos ? target.npos : target.find('/', authority + 3);
  return path == target.npos ? "/" : target.substr(path);
}

}  // namespace

RoutePath::RoutePath(const Request& request) : text_(request.path()) {
  if (request.target().find('%') == std::string_view::npos) [[likely]] {
    return;
  }
  const std::string_view raw = raw_path(request.target());
  if (raw.find('%') == std::string_view::npos) {
    return;
  }
  decoded_ = RequestAccess::arena(request).allocate(raw.size());
  char* out = decoded_;
  for (std::string_view rest = raw; !rest.empty();) {
    *out++ = '/';
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    char* const end = out + http::decode_percent(segment, out, http::PlusSign::literal);
    std::replace(out, end, '/', k_escaped_slash);
    out = end;
    rest.remove_prefix(segment.size());
  }
  text_ = {decoded_, static_cast<std::size_t>(out - decoded_)};
}

void RoutePath::restore_slashes() noexcept {
  if (decoded_ != nullptr) {
    std::replace(decoded_, decoded_ + text_.size(), k_escaped_slash, '/');
  }
}

}  // namespace uringcorn::app
