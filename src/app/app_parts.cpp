// SPDX-License-Identifier: MIT
#include "app/app_parts.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "app/route_path.hpp"

namespace uringcorn::detail {
namespace {

constexpr int k_ok = 200;
constexpr int k_not_found = 404;
constexpr int k_method_not_allowed = 405;
constexpr int k_upgrade_required = 426;

template <class F>
F not_empty(F function, std::string_view what) {
  if (!function) {
    throw std::invalid_argument(fmt::format("{} must not be empty", what));
  }
  return function;
}

/// The value of Allow. CONNECT is what asks for a WebSocket in HTTP/2; in HTTP/1 an Upgrade does.
std::string list_for(const Request& request, app::MethodSet allowed) {
  std::string methods = allowed.to_string();
  if (request.version_major() == 2 && allowed.contains(Method::connect)) {
    methods.append(methods.empty() ? "" : ", ").append("CONNECT");
  }
  return methods;
}

}  // namespace

AppParts::AppParts() {
  groups_.push_back({k_root_group, "", {}, nullptr});
}

void AppParts::require_unsealed() const {
  if (sealed_) {
    throw std::logic_error(
        "routes, middleware and hooks are registered before the application starts");
  }
}

std::size_t AppParts::add_group(std::size_t parent, std::string_view prefix) {
  require_unsealed();
  if (!prefix.empty() && prefix.back() == '/') {
    throw std::invalid_argument(
        fmt::format("the group prefix \"{}\" must not end with a slash", prefix));
  }
  std::string whole = groups_[parent].prefix + std::string(prefix);
  if (!prefix.empty()) {
    app::parse_pattern(whole);
  }
  groups_.push_back({parent, std::move(whole), {}, nullptr});
  return groups_.size() - 1;
}

void AppParts::add_route(std::size_t group, std::optional<Method> method, std::string_view pattern,
                         Handler handler) {
  require_unsealed();
  if (!pattern.empty() && !pattern.starts_with('/')) {
    throw std::invalid_argument(
        fmt::format("the route pattern \"{}\" is malformed: it must begin with a slash", pattern));
  }
  router_.add(method,
              std::make_unique<Endpoint>(not_empty(std::move(handler), "a handler"),
                                         groups_[group].prefix + std::string(pattern), group));
}

void AppParts::add_middleware(std::size_t group, Middleware middleware) {
  require_unsealed();
  groups_[group].middleware.push_back(
      std::make_unique<Middleware>(not_empty(std::move(middleware), "a middleware")));
}

void AppParts::add_startup_hook(LifeHook hook) {
  require_unsealed();
  startup_hooks_.push_back(not_empty(std::move(hook), "a startup hook"));
}

void AppParts::add_shutdown_hook(LifeHook hook) {
  require_unsealed();
  shutdown_hooks_.push_back(not_empty(std::move(hook), "a shutdown hook"));
}

void AppParts::set_error_handler(ErrorHandler handler) {
  require_unsealed();
  error_handler_ = not_empty(std::move(handler), "an error handler");
}

std::vector<const Middleware*> AppParts::middleware_of(std::size_t group) const {
  std::vector<const Middleware*> innermost_first;
  for (;; group = groups_[group].parent) {
    const auto& own = groups_[group].middleware;
    for (auto middleware = own.rbegin(); middleware != own.rend(); ++middleware) {
      innermost_first.push_back(middleware->get());
    }
    if (group == k_root_group) {
      break;
    }
  }
  std::reverse(innermost_first.begin(), innermost_first.end());
  return innermost_first;
}

void AppParts::seal() {
  require_unsealed();
  sealed_ = true;
  for (const auto& endpoint : router_.endpoints()) {
    endpoint->set_middleware(middleware_of(endpoint->group()));
  }
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    auto answer = [this](Request& request) { return answer_without_handler(request); };
    groups_[group].fallback =
        std::make_unique<Endpoint>(to_handler(std::move(answer)), groups_[group].prefix, group);
    groups_[group].fallback->set_middleware(middleware_of(group));
  }
}

Response AppParts::answer_without_handler(Request& request) const {
  app::MethodSet allowed;
  if (request.path() == "*") {  // of the whole server, whichever form the target has
    allowed = router_.methods();
  } else {
    // Searched again, because a rare answer is not worth a way through the middleware for it.
    app::RouteMatch match;
    router_.find(request.method(), app::RoutePath(request).text(), match);
    allowed = match.allowed;
  }
  const bool is_found = !allowed.empty();
  if (is_found && request.method() == Method::options) {
    return Response(k_ok).field("Allow", list_for(request, allowed));
  }
  // RouteGroup::websocket() registers for CONNECT.
  const bool is_websocket = request.method() == Method::get && request.version_major() == 1 &&
                            allowed.contains(Method::connect);
  const int status = is_websocket ? k_upgrade_required
                     : is_found   ? k_method_not_allowed
                                  : k_not_found;
  Response response = error_handler_
                          ? error_handler_(std::make_exception_ptr(HttpError(status)), request)
                          : Response::error(status);
  if (is_websocket) {
    response.fields().set("Upgrade", "websocket");
  } else if (is_found) {
    response.fields().set("Allow", list_for(request, allowed));
  }
  return response;
}

}  // namespace uringcorn::detail
