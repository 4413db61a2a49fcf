// SPDX-License-Identifier: MIT
#include <uringcorn/app.hpp>

#include <memory>
#include <optional>
#include <utility>

#include "app/app_parts.hpp"
#include "app/endpoint.hpp"

namespace uringcorn {

Task<Response> Next::operator()(Request& request) const {
  return endpoint_->call_from(position_, request);
}

RouteGroup& RouteGroup::add(Method method, std::string_view pattern, Handler handler) {
  parts_->add_route(group_, method, pattern, std::move(handler));
  return *this;
}

RouteGroup& RouteGroup::add_any(std::string_view pattern, Handler handler) {
  parts_->add_route(group_, std::nullopt, pattern, std::move(handler));
  return *this;
}

RouteGroup RouteGroup::group(std::string_view prefix) {
  return RouteGroup(*parts_, parts_->add_group(group_, prefix));
}

RouteGroup& RouteGroup::use(Middleware middleware) {
  parts_->add_middleware(group_, std::move(middleware));
  return *this;
}

App::App() : App(std::make_unique<detail::AppParts>()) {}

App::App(std::unique_ptr<detail::AppParts> parts)
    : RouteGroup(*parts, detail::AppParts::k_root_group), owned_parts_(std::move(parts)) {}

App::~App() = default;

App& App::on_error(ErrorHandler handler) {
  parts_->set_error_handler(std::move(handler));
  return *this;
}

App& App::on_startup(LifeHook hook) {
  parts_->add_startup_hook(std::move(hook));
  return *this;
}

App& App::on_shutdown(LifeHook hook) {
  parts_->add_shutdown_hook(std::move(hook));
  return *this;
}

void App::keep(std::shared_ptr<void> state) {
  parts_->keep(std::move(state));
}

}  // namespace uringcorn
