// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/websocket.hpp>

#include "http/ws/deflate_offer.hpp"

namespace uringcorn::http::ws {

/// Whether an HTTP/1.1 request that wants an upgrade wants this one (RFC 6455, section 4.2.1).
bool names_websocket(const RequestFields& fields) noexcept;

/// The answer to a request that cannot open a WebSocket: it asks for none, or in no version that is
/// spoken (426; where there is no Upgrade, 405 and 400), does so in a malformed way (400), or comes
/// from the page of another site (403).
std::optional<Response> refuse_handshake(Request& request, const WebSocketOptions& options);

/// Whether a page of `origin` may connect: see WebSocketOptions::origins. `authority` is what the
/// request is for.
bool is_allowed_origin(std::string_view origin, std::string_view authority,
                       const std::vector<std::string>& allowed) noexcept;

/// What the client's Sec-WebSocket-Protocol fields say, in its order; nothing if they are
/// malformed.
std::optional<std::vector<std::string_view>> offered_protocols(const RequestFields& fields);

/// What proves that the server understood the client's Sec-WebSocket-Key (section 4.2.2).
std::string accept_value(std::string_view key);

/// The values of all fields of that name.
std::vector<std::string_view> values_of(const RequestFields& fields, std::string_view name);

}  // namespace uringcorn::http::ws
