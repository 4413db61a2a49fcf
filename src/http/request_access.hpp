// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include <uringcorn/request.hpp>

namespace uringcorn {

/// What the server itself may do with a request that its handlers may not.
class RequestAccess {
 public:
  /// `parameters` must live as long as the request.
  static void set_parameters(Request& request, std::span<const Parameter> parameters) noexcept {
    request.parameters_ = parameters;
  }
  static std::span<const Parameter> parameters(const Request& request) noexcept {
    return request.parameters_;
  }

  static const detail::RequestHead& head(const Request& request) noexcept { return request.head_; }
  static detail::RequestChannel& channel(const Request& request) noexcept {
    return request.channel_;
  }
  static detail::Arena& arena(const Request& request) noexcept { return request.channel_.arena(); }

  /// Room for `count` parameters, from the request's arena.
  static Parameter* allocate_parameters(const Request& request, std::size_t count);
};

}  // namespace uringcorn
