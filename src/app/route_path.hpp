// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <uringcorn/request.hpp>

namespace uringcorn::app {

/// The path of a request as a router compares it: decoded segment by segment, so that an escaped
/// slash is no slash yet. Costs nothing when nothing is escaped; else memory of the request.
class RoutePath {
 public:
  explicit RoutePath(const Request& request);

  /// Where an escaped slash was, there is a byte that no pattern has.
  std::string_view text() const noexcept { return text_; }
  /// Puts the escaped slashes into what text() shows.
  void restore_slashes() noexcept;

 private:
  std::string_view text_;
  char* decoded_ = nullptr;  ///< the same memory as text_, if it was decoded here
};

}  // namespace uringcorn::app
