// SPDX-License-Identifier: MIT
#include "app/native_application.hpp"

#include <exception>
#include <memory>
#include <vector>

#include "app/route_path.hpp"
#include "http/request_access.hpp"

namespace uringcorn {
namespace {

/// Copies what the pattern took from the path to where it lives as long as the request.
void set_parameters(Request& request, const app::RouteMatch& match) {
  const std::vector<std::string>& names = match.endpoint->names();
  if (names.empty()) {
    return;
  }
  Parameter* const parameters = RequestAccess::allocate_parameters(request, names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    parameters[i] = {names[i], {match.pieces[i].data, match.pieces[i].size}};
  }
  RequestAccess::set_parameters(request, {parameters, names.size()});
}

}  // namespace

NativeApplication::NativeApplication(const std::function<void(App&)>& configure)
    : parts_(*app_.parts_) {
  configure(app_);
  parts_.seal();
}

Task<void> NativeApplication::startup() {
  for (const LifeHook& hook : parts_.startup_hooks()) {
    co_await hook();
  }
}

Task<void> NativeApplication::shutdown() {
  std::exception_ptr first_error;
  const std::vector<LifeHook>& hooks = parts_.shutdown_hooks();
  for (auto hook = hooks.rbegin(); hook != hooks.rend(); ++hook) {
    try {
      co_await (*hook)();
    } catch (...) {
      first_error = first_error ? first_error : std::current_exception();
    }
  }
  if (first_error) {
    std::rethrow_exception(first_error);
  }
}

Task<Response> NativeApplication::handle(Request& request) {
  const detail::Endpoint& endpoint = route(request);
  return parts_.error_handler() ? call_guarded(endpoint, request) : endpoint.call(request);
}

const detail::Endpoint& NativeApplication::route(Request& request) const {
  app::RoutePath path(request);
  app::RouteMatch match;
  if (request.wants_websocket()) {
    parts_.router().find(Method::connect, path.text(), match);
  }
  if (match.endpoint == nullptr) {
    match.allowed = {};
    match.other_method = nullptr;
    parts_.router().find(request.method(), path.text(), match);
  }
  if (match.endpoint != nullptr) [[likely]] {
    path.restore_slashes();
    set_parameters(request, match);
    return *match.endpoint;
  }
  return parts_.fallback(match.other_method != nullptr ? match.other_method->group()
                                                       : detail::AppParts::k_root_group);
}

Task<Response> NativeApplication::call_guarded(const detail::Endpoint& endpoint, Request& request) {
  std::exception_ptr error;
  try {
    Response response = co_await endpoint.call(request);
    co_return response;
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
  co_return parts_.error_handler()(error, request);
}

std::unique_ptr<Application> make_application(const std::function<void(App&)>& configure) {
  return std::make_unique<NativeApplication>(configure);
}

}  // namespace uringcorn
