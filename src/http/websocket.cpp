// SPDX-License-Identifier: MIT
#include <uringcorn/websocket.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <uringcorn/request.hpp>

#include "base/utf8_validator.hpp"
#include "http/ws/handshake.hpp"
#include "http/ws/protocol.hpp"

namespace uringcorn {
namespace {

constexpr int k_switching_protocols = 101;

}  // namespace

const char* WebSocketClosed::what() const noexcept {
  return "the WebSocket is closed";
}

Response Response::websocket(Request& request,
                             std::function<Task<void>(Request&, WebSocket)> handler,
                             const WebSocketOptions& options) {
  if (std::optional<Response> refusal = http::ws::refuse_handshake(request, options)) {
    return std::move(*refusal);
  }
  Response response(k_switching_protocols);
  response.upgrade_ = std::make_shared<const detail::WebSocketUpgrade>(
      detail::WebSocketUpgrade{std::move(handler), options});
  return response;
}

WebSocketGroup::Member::Member(WebSocketGroup& group, WebSocket socket)
    : channel_(*socket.channel_) {
  channel_.accept_unless_accepted();
  group.members_.push_back(*this);
}

void WebSocketGroup::send(std::string_view data, bool is_text, const Member* except) {
  if (is_text && !is_utf8(data)) {
    throw std::invalid_argument("a text message must be UTF-8");
  }
  for (detail::ListHook* hook = members_.next; hook != &members_; hook = hook->next) {
    const auto& member = static_cast<Member&>(*hook);
    if (&member == except) {
      continue;
    }
    const bool is_taken = member.channel_.offer(data, is_text);
    if (!is_taken && when_slow_ == WhenSlow::close) {
      member.channel_.close(static_cast<std::uint16_t>(http::ws::CloseCode::policy),
                            "messages were not taken in time");
    }
  }
}

std::size_t WebSocketGroup::size() const noexcept {
  std::size_t members = 0;
  for (const detail::ListHook* hook = members_.next; hook != &members_; hook = hook->next) {
    ++members;
  }
  return members;
}

}  // namespace uringcorn
