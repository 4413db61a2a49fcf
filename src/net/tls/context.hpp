// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/tls/material.hpp"

struct WOLFSSL_CTX;

namespace uringcorn::net::tls {

class TicketKeys;

/// TLS on a listener, ready for connections: certificates, protocol versions, cipher suites, who
/// may connect. Never changes; a reload makes a new one, and the connections keep theirs.
class Context {
 public:
  /// `tickets` may be null: sessions are not resumed then. They are not either where clients show
  /// certificates: each connection has to show its own. Throws TlsError.
  Context(std::shared_ptr<const Material> material, const TicketKeys* tickets);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  /// The certificate for the server name that a client asks for, in lower case; the first one if
  /// none is for it.
  WOLFSSL_CTX* find(std::string_view name) const noexcept;
  /// There is only one certificate: it does not matter which name a client asks for.
  bool is_single() const noexcept;

  const Material& material() const noexcept { return *material_; }

 private:
  struct Entry;

  std::shared_ptr<const Material> material_;
  std::vector<Entry> entries_;
};

}  // namespace uringcorn::net::tls
