// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include <uringcorn/app.hpp>

#include "app/app_parts.hpp"

namespace uringcorn {

/// An App that serves.
class NativeApplication final : public Application {
 public:
  /// What `configure` throws passes.
  explicit NativeApplication(const std::function<void(App&)>& configure);

  Task<void> startup() override;
  Task<Response> handle(Request& request) override;
  Task<void> shutdown() override;

 private:
  /// The endpoint that answers `request`, which has its parameters then.
  const detail::Endpoint& route(Request& request) const;
  Task<Response> call_guarded(const detail::Endpoint& endpoint, Request& request);

  App app_;
  detail::AppParts& parts_;
};

}  // namespace uringcorn
