// SPDX-License-Identifier: MIT
#include "app/router.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace uringcorn::app {
namespace {

using Kind = PatternSegment::Kind;

constexpr std::array<std::pair<Method, std::string_view>, 7> k_named_methods{{
    {Method::get, "GET"},
    {Method::head, "HEAD"},
    {Method::post, "POST"},
    {Method::put, "PUT"},
    {Method::patch, "PATCH"},
    {Method::del, "DELETE"},
    {Method::options, "OPTIONS"},
}};

std::string_view name_of(std::optional<Method> method) noexcept {
  for (const auto& [named, name] : k_named_methods) {
    if (named == method) {
      return name;
    }
  }
  return method == Method::connect ? "WebSockets" : "any method";
}

std::uint64_t load(const char* from, std::size_t size) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, size);
  return word;
}

/// Orders literals so that one comparison of numbers nearly always decides: made of the length and
/// of the first and the last bytes. Different texts may have the same key.
std::uint64_t key_of(std::string_view text) noexcept {
  const char* const data = text.data();
  const std::size_t size = text.size();
  if (size >= 8) {
    return (load(data, 8) ^ (load(data + size - 8, 8) << 5)) + size;
  }
  if (size >= 4) {
    return load(data, 4) << 32 ^ load(data + size - 4, 4) << 4 ^ size;
  }
  if (size == 0) {
    return 0;
  }
  return load(data, 1) << 32 ^ load(data + size / 2, 1) << 16 ^ load(data + size - 1, 1) << 8 ^
         size;
}

}  // namespace

std::string MethodSet::to_string() const {
  std::string text;
  for (const auto& [method, name] : k_named_methods) {
    if (contains(method)) {
      text.append(text.empty() ? "" : ", ").append(name);
    }
  }
  return text;
}

/// A segment of one or more patterns. Those that end here have their endpoints here.
struct Router::Node {
  struct Literal {
    std::uint64_t key;
    std::string text;
    std::unique_ptr<Node> node;
  };

  std::vector<Literal> literals;  // in the order of their keys
  std::unique_ptr<Node> parameter;
  std::unique_ptr<Node> rest;

  // What answers a method here: its own handler, or one that stands in for it.
  std::array<const Endpoint*, k_methods> by_method{};
  std::array<const Endpoint*, k_methods> own{};
  const Endpoint* any = nullptr;
  const Endpoint* first = nullptr;
  MethodSet allowed;

  const Node* find_literal(std::string_view text) const noexcept;
  Node& literal(const std::string& text);
  const Endpoint*& place_for(std::optional<Method> method) noexcept {
    return method ? own[static_cast<std::size_t>(*method)] : any;
  }
  void stand_in() noexcept;
};

const Router::Node* Router::Node::find_literal(std::string_view text) const noexcept {
  const std::uint64_t key = key_of(text);
  auto literal = std::lower_bound(literals.begin(), literals.end(), key,
                                  [](const Literal& a, std::uint64_t b) { return a.key < b; });
  for (; literal != literals.end() && literal->key == key; ++literal) {
    if (literal->text == text) {
      return literal->node.get();
    }
  }
  return nullptr;
}

Router::Node& Router::Node::literal(const std::string& text) {
  if (const Node* found = find_literal(text)) {
    return const_cast<Node&>(*found);
  }
  const std::uint64_t key = key_of(text);
  const auto place = std::find_if(literals.begin(), literals.end(),
                                  [key](const Literal& literal) { return literal.key > key; });
  return *literals.insert(place, {key, text, std::make_unique<Node>()})->node;
}

void Router::Node::stand_in() noexcept {
  for (std::size_t i = 0; i < k_methods; ++i) {
    const auto method = static_cast<Method>(i);
    by_method[i] = own[i];
    if (by_method[i] == nullptr && method == Method::head) {
      by_method[i] = own[static_cast<std::size_t>(Method::get)];
    }
    if (by_method[i] == nullptr && method != Method::connect && method != Method::trace) {
      by_method[i] = any;
    }
    if (by_method[i] != nullptr) {
      allowed.add(method);
    }
  }
  allowed.add(Method::options);
}

Router::Router() : root_(std::make_unique<Node>()) {}

Router::~Router() = default;

Router::Node& Router::node_for(const std::vector<PatternSegment>& segments) {
  Node* node = root_.get();
  for (const PatternSegment& segment : segments) {
    if (segment.kind == Kind::literal) {
      node = &node->literal(segment.text);
      continue;
    }
    std::unique_ptr<Node>& child = segment.kind == Kind::rest ? node->rest : node->parameter;
    if (!child) {
      child = std::make_unique<Node>();
    }
    node = child.get();
  }
  return *node;
}

void Router::add(std::optional<Method> method, std::unique_ptr<Endpoint> endpoint) {
  const std::vector<PatternSegment> segments = parse_pattern(endpoint->pattern());
  std::vector<std::string> names;
  for (const PatternSegment& segment : segments) {
    if (segment.kind != Kind::literal) {
      names.push_back(segment.text);
    }
  }
  Node& node = node_for(segments);
  const Endpoint*& place = node.place_for(method);
  if (place != nullptr) {
    throw std::invalid_argument(fmt::format("two routes for {}: \"{}\" and \"{}\"", name_of(method),
                                            place->pattern(), endpoint->pattern()));
  }
  endpoint->set_names(std::move(names));
  endpoints_.push_back(std::move(endpoint));
  place = endpoints_.back().get();
  node.first = node.first != nullptr ? node.first : place;
  node.stand_in();
  methods_.add(node.allowed);
}

/// One walk down the trie, from the more to the less particular pattern.
struct Router::Search {
  std::size_t method;
  const char* end;
  RouteMatch& match;

  bool visit(const Node& node, const char* segment) noexcept;
  bool enter(const Node& node, const char* segment_end) noexcept;
  bool take(const Node& node) noexcept;
};

/// Looks below `node` for the path from `segment` on.
bool Router::Search::visit(const Node& node, const char* segment) noexcept {
  const auto size = static_cast<std::size_t>(end - segment);
  const auto* slash = static_cast<const char*>(std::memchr(segment, '/', size));
  const char* const segment_end = slash != nullptr ? slash : end;
  const auto segment_size = static_cast<std::size_t>(segment_end - segment);
  const Node* const literal = node.find_literal({segment, segment_size});
  if (literal != nullptr && enter(*literal, segment_end)) {
    return true;
  }
  if (node.parameter && segment_size > 0) {
    match.pieces[match.piece_count++] = {segment, segment_size};
    if (enter(*node.parameter, segment_end)) {
      return true;
    }
    match.piece_count--;
  }
  if (node.rest) {
    match.pieces[match.piece_count++] = {segment, size};
    if (take(*node.rest)) {
      return true;
    }
    match.piece_count--;
  }
  return false;
}

bool Router::Search::enter(const Node& node, const char* segment_end) noexcept {
  return segment_end == end ? take(node) : visit(node, segment_end + 1);
}

bool Router::Search::take(const Node& node) noexcept {
  match.endpoint = node.by_method[method];
  if (match.endpoint == nullptr && node.first != nullptr) {
    match.allowed.add(node.allowed);
    match.other_method = match.other_method != nullptr ? match.other_method : node.first;
  }
  return match.endpoint != nullptr;
}

void Router::find(Method method, std::string_view path, RouteMatch& match) const noexcept {
  if (!path.starts_with('/')) {
    return;
  }
  Search search{static_cast<std::size_t>(method), path.data() + path.size(), match};
  search.visit(*root_, path.data() + 1);
}

}  // namespace uringcorn::app
