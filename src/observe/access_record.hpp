// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace uringcorn::observe {

/// Finds fields in an owner that this room knows nothing of. A view: the owner outlives it.
struct FieldLookup {
  const void* owner = nullptr;
  std::optional<std::string_view> (*find)(const void* owner, std::string_view name) = nullptr;

  std::optional<std::string_view> get(std::string_view name) const {
    return find == nullptr ? std::nullopt : find(owner, name);
  }

  /// For anything with `std::optional<std::string_view> get(std::string_view name) const` that
  /// compares names without regard to case.
  template <typename Fields>
  static FieldLookup of(const Fields& fields) {
    return {&fields, [](const void* owner, std::string_view name) {
              return static_cast<const Fields*>(owner)->get(name);
            }};
  }
};

/// One request and its answer, as the access log sees them: bytes as they were on the wire, not yet
/// fit to be printed. Everything is borrowed for the time of one call. What is unknown, as for a
/// request that could not be parsed, is empty.
struct AccessRecord {
  std::chrono::system_clock::time_point time;  // when the request began
  std::chrono::nanoseconds duration{0};        // until the last byte of the answer was sent
  std::string_view remote_address;             // without port; empty for unix sockets
  std::string_view method;
  std::string_view target;  // path, query and all, or an absolute URI
  std::string_view path;
  std::string_view query;     // without the question mark
  std::string_view protocol;  // "HTTP/1.1"
  int status = 0;
  std::uint64_t body_bytes = 0;  // of the answer's body, without chunk framing
  FieldLookup request_fields;
  FieldLookup response_fields;
};

}  // namespace uringcorn::observe
