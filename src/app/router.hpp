// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/request.hpp>

#include "app/endpoint.hpp"
#include "app/pattern.hpp"

namespace uringcorn::app {

using detail::Endpoint;

/// The methods that a path has handlers for.
class MethodSet {
 public:
  void add(Method method) noexcept { bits_ |= 1u << static_cast<unsigned>(method); }
  void add(MethodSet other) noexcept { bits_ |= other.bits_; }
  bool contains(Method method) const noexcept {
    return (bits_ >> static_cast<unsigned>(method) & 1u) != 0;
  }
  bool empty() const noexcept { return bits_ == 0; }
  /// As the Allow field lists them (RFC 9110, 10.2.1).
  std::string to_string() const;

 private:
  std::uint32_t bits_ = 0;
};

/// What a search found. Plain memory: nothing is allocated or cleared for it.
struct RouteMatch {
  struct Piece {
    const char* data;
    std::size_t size;
  };

  /// Null: no pattern fits that has a handler for the method.
  const Endpoint* endpoint = nullptr;
  /// Without an endpoint: what the patterns that fit do have, and one of their endpoints.
  MethodSet allowed;
  const Endpoint* other_method = nullptr;

  /// What the endpoint's parameters took from the path.
  std::size_t piece_count = 0;
  std::array<Piece, k_pattern_parameters_max> pieces;
};

/// Finds the handler for a path: a trie of segments. See RouteGroup for which of several wins. A
/// search visits each node at most once, and goes no deeper than the longest pattern.
class Router {
 public:
  Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router();

  /// No method: any. Throws std::invalid_argument when the pattern is malformed or was added for
  /// that method before.
  void add(std::optional<Method> method, std::unique_ptr<Endpoint> endpoint);

  /// `path` is decoded and begins with a slash. What is no slash to the pattern must not be one in
  /// `path`. `match` is new.
  void find(Method method, std::string_view path, RouteMatch& match) const noexcept;

  /// The methods that any pattern has a handler for.
  MethodSet methods() const noexcept { return methods_; }
  const std::vector<std::unique_ptr<Endpoint>>& endpoints() const noexcept { return endpoints_; }

 private:
  struct Node;
  struct Search;
  static constexpr std::size_t k_methods = static_cast<std::size_t>(Method::other) + 1;

  Node& node_for(const std::vector<PatternSegment>& segments);

  std::unique_ptr<Node> root_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  MethodSet methods_;
};

}  // namespace uringcorn::app
