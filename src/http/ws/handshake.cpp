// SPDX-License-Identifier: MIT
#include "http/ws/handshake.hpp"

#include <algorithm>
#include <cstddef>

#include "base/base64.hpp"
#include "base/sha1.hpp"
#include "http/field_rules.hpp"

namespace uringcorn::http::ws {
namespace {

constexpr std::size_t k_key_bytes = 16;
constexpr int k_bad_request = 400;
constexpr int k_forbidden = 403;
constexpr int k_method_not_allowed = 405;
constexpr int k_upgrade_required = 426;

/// In HTTP/2 a request is upgraded by nothing (RFC 9113 section 8.6): its method says what it is.
Response no_websocket_asked_for(const Request& request) {
  constexpr std::string_view k_sentence = "This is the address of a WebSocket.";
  if (request.version_major() != 1) {
    return Response::error(k_method_not_allowed, k_sentence).field("Allow", "CONNECT");
  }
  return Response::error(k_upgrade_required, k_sentence)
      .field("Upgrade", "websocket")
      .field("Sec-WebSocket-Version", "13");
}

Response wrong_version(const Request& request) {
  const bool may_upgrade = request.version_major() == 1;
  Response response = Response::error(may_upgrade ? k_upgrade_required : k_bad_request,
                                      "Only version 13 of the WebSocket protocol is spoken here.");
  if (may_upgrade) {
    response.fields().set("Upgrade", "websocket");
  }
  return response.field("Sec-WebSocket-Version", "13");
}

/// What RFC 6455 asks of the fields; an extended CONNECT (RFC 8441, section 5) has no key.
std::optional<Response> refuse_fields(const Request& request) {
  const RequestFields& fields = request.fields();
  const std::vector<std::string_view> versions = values_of(fields, "Sec-WebSocket-Version");
  if (versions.size() != 1 || versions.front() != "13") {
    return wrong_version(request);
  }
  const std::vector<std::string_view> keys = values_of(fields, "Sec-WebSocket-Key");
  const auto is_key = [](std::string_view text) {
    const std::optional<std::string> key = base64_decode(text);
    return key && key->size() == k_key_bytes;
  };
  if (request.version_major() == 1 && (keys.size() != 1 || !is_key(keys.front()))) {
    return Response::error(k_bad_request, "The Sec-WebSocket-Key must be 16 bytes in base 64.");
  }
  if (!offered_protocols(fields)) {
    return Response::error(k_bad_request, "The Sec-WebSocket-Protocol is malformed.");
  }
  const auto extensions = values_of(fields, "Sec-WebSocket-Extensions");
  if (answer_deflate_offers(extensions, DeflatePolicy::refused).malformed) {
    return Response::error(k_bad_request, "The Sec-WebSocket-Extensions are malformed.");
  }
  return std::nullopt;
}

/// `authority` without the port that is the scheme's own.
std::string_view without_default_port(std::string_view authority, std::string_view port) noexcept {
  if (authority.ends_with(port)) {
    authority.remove_suffix(port.size());
  }
  return authority;
}

}  // namespace

bool names_websocket(const RequestFields& fields) noexcept {
  bool found = false;
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, "upgrade")) {
      for_each_element(field.value, [&found](std::string_view protocol) {
        found = found || equals_ignoring_case(protocol, "websocket");
        return !found;
      });
    }
  }
  return found;
}

std::optional<Response> refuse_handshake(Request& request, const WebSocketOptions& options) {
  if (!request.wants_websocket()) {
    return no_websocket_asked_for(request);
  }
  const bool is_right_method =
      request.method() == (request.version_major() == 1 ? Method::get : Method::connect);
  if (!is_right_method || request.body().present()) {
    return Response::error(k_bad_request,
                           "A WebSocket is opened by GET (in HTTP/2 by CONNECT), without a body.");
  }
  if (std::optional<Response> refusal = refuse_fields(request)) {
    return refusal;
  }
  const std::vector<std::string_view> origins = values_of(request.fields(), "Origin");
  const bool is_allowed = std::all_of(origins.begin(), origins.end(), [&](auto origin) {
    return is_allowed_origin(origin, request.authority(), options.origins);
  });
  if (!is_allowed) {
    return Response::error(k_forbidden, "Pages of this origin may not connect here.");
  }
  return std::nullopt;
}

bool is_allowed_origin(std::string_view origin, std::string_view authority,
                       const std::vector<std::string>& allowed) noexcept {
  if (!allowed.empty()) {
    return std::any_of(allowed.begin(), allowed.end(), [origin](std::string_view one) {
      return one == "*" || same_field_name(one, origin);
    });
  }
  // The scheme may be hidden from us by a proxy that ends TLS; the host is what tells sites apart.
  const std::size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) {
    return false;  // "null", for instance
  }
  const std::string_view port = origin.starts_with("https:") ? ":443" : ":80";
  return same_field_name(without_default_port(origin.substr(scheme_end + 3), port),
                         without_default_port(authority, port));
}

std::optional<std::vector<std::string_view>> offered_protocols(const RequestFields& fields) {
  std::vector<std::string_view> protocols;
  bool is_valid = true;
  for (const std::string_view line : values_of(fields, "Sec-WebSocket-Protocol")) {
    for_each_element(line, [&](std::string_view protocol) {
      if (protocol.empty()) {
        return true;
      }
      const bool is_new =
          std::find(protocols.begin(), protocols.end(), protocol) == protocols.end();
      is_valid = is_token(protocol) && is_new;
      protocols.push_back(protocol);
      return is_valid;
    });
  }
  return is_valid ? std::optional(std::move(protocols)) : std::nullopt;
}

std::string accept_value(std::string_view key) {
  const auto digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::vector<std::string_view> values_of(const RequestFields& fields, std::string_view name) {
  std::vector<std::string_view> values;
  for (const Field& field : fields) {
    if (same_field_name(field.name, name)) {
      values.push_back(field.value);
    }
  }
  return values;
}

}  // namespace uringcorn::http::ws
