// SPDX-License-Identifier: MIT
// A chat: one room a worker, so run it with one worker, or put a broker between them.
//
// Whoever connects says a name first, then messages. The server sends "name\ntext"; what comes
// without a name is a notice of its own.
#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include <uringcorn/uringcorn.hpp>

#include "page.hpp"

namespace {

using namespace uringcorn;

constexpr std::size_t k_name_bytes_max = 40;
constexpr std::size_t k_text_bytes_max = 4000;
constexpr std::size_t k_lines_kept = 50;

class Room {
 public:
  WebSocketGroup& group() noexcept { return group_; }
  /// The next line after `seen` that is kept, and moves `seen` there; nothing if there is none.
  std::optional<std::string> next_line(std::size_t& seen) const {
    const std::size_t forgotten = said_ - lines_.size();
    seen = std::max(seen, forgotten);
    return seen == said_ ? std::nullopt : std::optional(lines_[seen++ - forgotten]);
  }

  /// Sends a line to all who are here, and keeps it for those who come.
  void say(std::string_view name, std::string_view text) {
    lines_.push_back(fmt::format("{}\n{}", name, text));
    said_++;
    if (lines_.size() > k_lines_kept) {
      lines_.pop_front();
    }
    group_.send_text(lines_.back());
  }

 private:
  WebSocketGroup group_;
  std::deque<std::string> lines_;
  std::size_t said_ = 0;
};

bool is_good_name(const WebSocketMessage& message) {
  return message.is_text && !message.data.empty() && message.data.size() <= k_name_bytes_max &&
         message.data.find('\n') == std::string::npos;
}

Task<void> talk(Room& room, WebSocket socket) {
  const auto name = co_await socket.receive();
  if (!name) {
    co_return;
  }
  if (!is_good_name(*name)) {
    socket.close(1008, "a name is one line of at most 40 bytes");
    co_return;
  }
  std::size_t seen = 0;
  while (const auto line = room.next_line(seen)) {
    co_await socket.send_text(*line);
  }
  {
    const WebSocketGroup::Member member(room.group(), socket);
    room.say("", fmt::format("{} is here", name->data));
    for (;;) {
      const std::optional<WebSocketMessage> message = co_await socket.receive();
      if (!message) {
        break;
      }
      if (message->is_text && message->data.size() <= k_text_bytes_max) {
        room.say(name->data, message->data);
      }
    }
  }
  room.say("", fmt::format("{} has left", name->data));
}

Response page(const Request&) {
  return Response::html(std::string(chat::k_page));
}

void chat_app(App& app) {
  auto& room = app.emplace_state<Room>();
  app.get("/", page);
  app.websocket("/chat", [&room](Request&, WebSocket socket) { return talk(room, socket); });
}

}  // namespace

URINGCORN_APP(chat_app)
