// SPDX-License-Identifier: MIT

#include <cstdint>
#include <optional>

#include "httpbin.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

Task<void> echo(Request&, WebSocket socket) {
  for (;;) {
    const std::optional<WebSocketMessage> message = co_await socket.receive();
    if (!message) {
      co_return;
    }
    co_await socket.send(*message);
  }
}

/// Ends with the code that is asked for.
Task<void> close(Request& request, WebSocket socket) {
  const auto code = request.param<std::uint16_t>("code");
  if (!code) {
    throw HttpError(400, "A close code is a number.");
  }
  socket.close(*code, "as you wish");
  co_return;
}

}  // namespace

void add_websockets(App& app) {
  app.websocket("/ws/echo", echo, {.protocols = {"echo"}, .origins = {"*"}});
  app.websocket("/ws/close/{code}", close, {.origins = {"*"}});
}

}  // namespace httpbin
