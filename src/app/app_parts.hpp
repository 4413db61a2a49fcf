// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/app.hpp>

#include "app/router.hpp"

namespace uringcorn::detail {

/// The state of an application; the last one made is the first destroyed.
class StateStack {
 public:
  StateStack() = default;
  StateStack(const StateStack&) = delete;
  StateStack& operator=(const StateStack&) = delete;
  ~StateStack() {
    while (!items_.empty()) {
      items_.pop_back();
    }
  }
  void push(std::shared_ptr<void> item) { items_.push_back(std::move(item)); }

 private:
  std::vector<std::shared_ptr<void>> items_;
};

/// All that was registered with an App.
class AppParts {
 public:
  static constexpr std::size_t k_root_group = 0;

  AppParts();

  std::size_t add_group(std::size_t parent, std::string_view prefix);
  void add_route(std::size_t group, std::optional<Method> method, std::string_view pattern,
                 Handler handler);
  void add_middleware(std::size_t group, Middleware middleware);
  void add_startup_hook(LifeHook hook);
  void add_shutdown_hook(LifeHook hook);
  void set_error_handler(ErrorHandler handler);
  void keep(std::shared_ptr<void> state) { state_.push(std::move(state)); }

  /// Ends the registration: from now on everything that registers throws std::logic_error.
  void seal();

  const app::Router& router() const noexcept { return router_; }
  const ErrorHandler& error_handler() const noexcept { return error_handler_; }
  const std::vector<LifeHook>& startup_hooks() const noexcept { return startup_hooks_; }
  const std::vector<LifeHook>& shutdown_hooks() const noexcept { return shutdown_hooks_; }
  /// What answers when no handler does, behind the middleware of `group`.
  const Endpoint& fallback(std::size_t group) const noexcept { return *groups_[group].fallback; }

 private:
  struct Group {
    std::size_t parent;
    std::string prefix;
    std::vector<std::unique_ptr<Middleware>> middleware;
    std::unique_ptr<Endpoint> fallback;
  };

  void require_unsealed() const;
  std::vector<const Middleware*> middleware_of(std::size_t group) const;
  Response answer_without_handler(Request& request) const;

  // The members below may refer to it, so they go first.
  StateStack state_;
  std::vector<Group> groups_;
  app::Router router_;
  ErrorHandler error_handler_;
  std::vector<LifeHook> startup_hooks_;
  std::vector<LifeHook> shutdown_hooks_;
  bool sealed_ = false;
};

}  // namespace uringcorn::detail
