// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/request.hpp>

#include "base/address_list.hpp"
#include "net/peer.hpp"

namespace uringcorn::http {

/// Puts into `head` what trusted proxies say of the request: the client's address and port, the
/// scheme and the authority that the client used. `head.fields` must be there already, and the rest
/// as the connection itself has it; what no proxy speaks of stays so. Costs next to nothing for a
/// request without such fields. What is new in `head` is in `arena` or among the fields.
///
/// - Fields count only from a `peer` that `trusted` lists. Every proxy adds its element at the
/// right
///   end; from there the walk goes left for as long as the address that it comes to is listed. The
///   first one that is not is the client; if all are, it is the leftmost.
/// - An element that is malformed, is empty or has no address (`unknown`, `_hidden`) ends the walk:
///   nothing to the left of it counts, and the client is the hop to which the walk had come. The
///   elements are read from the right, so that nothing that a client puts there first can change
///   how the rest is understood.
/// - X-Forwarded-For: addresses, with or without port, IPv6 with or without brackets. Without a
/// port
///   the client's port is 0: unknown.
/// - X-Forwarded-Proto ("http", "https", or "ws", "wss") and X-Forwarded-Host may be lists too: the
///   element that counts is as far from the right end as the client is in X-Forwarded-For, or the
///   leftmost if there are fewer. Other schemes and malformed hosts are ignored.
/// - Forwarded (RFC 7239): `for`, `proto` and `host` of the elements walked over, the leftmost that
///   says so. Leniently, brackets and colons may stand outside quotes.
/// - If a request has any of the X-Forwarded-* fields, Forwarded is ignored: most proxies know only
///   the former, and hand on a Forwarded field that the client made up.
void apply_forwarded(detail::RequestHead& head, const net::Peer& peer, const AddressList& trusted,
                     detail::Arena& arena);

}  // namespace uringcorn::http
