// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/peer.hpp"

namespace uringcorn::net {

/// Which versions of the PROXY protocol are understood.
enum class ProxyVersions : std::uint8_t { v1, v2, any };

enum class ProxyHeaderError : std::uint8_t {
  none,
  not_a_header,
  v1_too_long,
  v1_bad_line_end,
  v1_unknown_protocol,
  v1_bad_addresses,
  v1_bad_ports,
  v2_unknown_version,
  v2_unknown_command,
  v2_unknown_family,
  v2_too_long,
  v2_addresses_cut,
  v2_bad_extension,
  v2_bad_checksum,
};

/// What is wrong with a connection, as a clause: "the checksum of its PROXY header does not match".
std::string_view message(ProxyHeaderError error) noexcept;

/// What parse_proxy_header() has found.
struct ProxyHeader {
  enum class Result : std::uint8_t { need_more, complete, failed };

  /// A header of version 1, with its CRLF (section 2.1 of the specification).
  static constexpr std::size_t k_v1_max = 107;
  /// A header of version 2. Senders keep it within a segment of 536 bytes; certificates' names and
  /// the like make it longer, and the format's own limit is 64 KiB.
  static constexpr std::size_t k_v2_max = 4096;

  Result result = Result::need_more;
  ProxyHeaderError error = ProxyHeaderError::none;  ///< after failed
  std::size_t size = 0;  ///< after complete: of the header; what follows belongs to the protocol
  /// After complete: the client for whom the proxy speaks. Nothing when the proxy speaks for itself
  /// (LOCAL) or cannot say (UNKNOWN, UNSPEC), or names what is no TCP client (unix sockets,
  /// datagrams): the connection's own peer counts then, as the specification has it.
  std::optional<Peer> client;
};

/// Reads the header that a proxy puts in front of a connection: the PROXY protocol, versions 1 and
/// 2 (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt). `bytes` is everything received
/// on the connection, and may go on past the header. After need_more it is to be called again with
/// more bytes after the same ones. The result depends on the bytes alone, never on how they were
/// cut into pieces; bytes that cannot become a header fail at once. Extensions (TLVs) are checked
/// in their lengths and skipped, but for the checksum, which must match. Neither allocates nor
/// keeps the bytes.
ProxyHeader parse_proxy_header(std::string_view bytes, ProxyVersions versions) noexcept;

}  // namespace uringcorn::net
