// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <uringcorn/handler.hpp>

namespace uringcorn::detail {

/// A handler with its place: the pattern, and the middleware around it.
class Endpoint {
 public:
  Endpoint(Handler handler, std::string pattern, std::size_t group)
      : handler_(std::move(handler)), pattern_(std::move(pattern)), group_(group) {}

  Task<Response> call(Request& request) const { return call_from(0, request); }
  /// Calls the middleware at `position`, or the handler behind the last one.
  Task<Response> call_from(std::size_t position, Request& request) const {
    if (position == middleware_.size()) {
      return handler_(request);
    }
    return (*middleware_[position])(request, Next(*this, position + 1));
  }

  const std::string& pattern() const noexcept { return pattern_; }
  /// The group whose middleware stands around it.
  std::size_t group() const noexcept { return group_; }
  /// The names of the pattern's parameters, in their order.
  const std::vector<std::string>& names() const noexcept { return names_; }
  void set_names(std::vector<std::string> names) { names_ = std::move(names); }
  /// Outermost first.
  void set_middleware(std::vector<const Middleware*> middleware) {
    middleware_ = std::move(middleware);
  }

 private:
  Handler handler_;
  std::vector<const Middleware*> middleware_;
  std::vector<std::string> names_;
  std::string pattern_;
  std::size_t group_;
};

}  // namespace uringcorn::detail
