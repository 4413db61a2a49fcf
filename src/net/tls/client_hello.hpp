// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace uringcorn::net::tls {

/// What a client says first, as far as the choice of a certificate depends on it.
struct ClientHello {
  /// The host name that it asks for (SNI, RFC 6066 section 3), in lower case and without the dot of
  /// the root; empty: none, or what was received is no such message.
  std::string server_name;
};

/// Reads it from all that was received; nothing while more of it has to come. A client may cut it
/// into records as it likes.
std::optional<ClientHello> read_client_hello(std::string_view received);

}  // namespace uringcorn::net::tls
