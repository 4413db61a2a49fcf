// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <uringcorn/cancel.hpp>
#include <uringcorn/export.hpp>
#include <uringcorn/fields.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

/// Thrown when something is to be sent on a WebSocket that is closed, or closing. Let it pass: the
/// handler ends, and nothing is logged.
class URINGCORN_API WebSocketClosed : public std::exception {
 public:
  const char* what() const noexcept override;
};

/// A whole message (RFC 6455, 5.6). Text is UTF-8: what comes in has been checked.
struct WebSocketMessage {
  std::string data;
  bool is_text = true;
};

/// Why a WebSocket ended.
struct WebSocketEnd {
  /// What the client's Close frame said; 1005 if it had no code; 1006 if the client went away
  /// without one. The server's own code (1002, 1007, 1009) if the client broke the protocol.
  std::uint16_t code = 1006;
  std::string reason;
};

/// What a handler may say when it accepts.
struct WebSocketAcceptance {
  /// One of those that the client offers; empty: none. Left out: the first of the route's
  /// `protocols` that the client offers.
  std::optional<std::string> protocol = {};
  /// Further fields of the answer: cookies, for instance.
  Fields fields = {};
};

/// What holds for all WebSockets of a route.
struct WebSocketOptions {
  /// The subprotocols that the handler speaks, the best one first.
  std::vector<std::string> protocols = {};
  /// From which pages a browser may connect: origins such as "https://shop.example"; "*" is any.
  /// Left out: only pages of the host that the request is for. Clients that are no browsers send
  /// no Origin, and are never refused for it.
  std::vector<std::string> origins = {};
};

class Request;
class WebSocket;

namespace detail {

/// The protocol's side of a WebSocket. Belongs to the thread of its request.
class URINGCORN_API WebSocketChannel {
 public:
  virtual void accept(WebSocketAcceptance acceptance) = 0;
  virtual void accept_unless_accepted() = 0;
  virtual void reject(Response response) = 0;
  virtual Task<std::optional<WebSocketMessage>> receive() = 0;
  virtual Task<void> send(std::string_view data, bool is_text) = 0;
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// Sends without waiting, unless more than the limit would have to wait: then gives false.
  virtual bool offer(std::string_view data, bool is_text) = 0;
  virtual bool is_open() const noexcept = 0;
  virtual std::vector<std::string_view> offered_protocols() const = 0;
  virtual std::string_view protocol() const noexcept = 0;
  virtual const WebSocketEnd& end() const noexcept = 0;

 protected:
  ~WebSocketChannel() = default;
};

/// What makes an answer the beginning of a WebSocket.
struct WebSocketUpgrade {
  std::function<Task<void>(Request&, WebSocket)> handler;
  WebSocketOptions options;
};

}  // namespace detail

/// A WebSocket, as its handler sees it. A handle: copied freely, valid until the handler returns.
///
///     Task<void> echo(Request&, WebSocket socket) {
///       for (;;) {
///         const std::optional<WebSocketMessage> message = co_await socket.receive();
///         if (!message) co_return;
///         co_await socket.send(*message);
///       }
///     }
///
/// The handler begins before the client has its answer. Until it accepts (or receives, sends or
/// returns, which accepts too) it may still refuse: by reject(), or by throwing an HttpError. When
/// it returns, the WebSocket is closed with 1000; when it throws, with 1011 and a line in the error
/// log.
///
/// The handler runs on the reactor in every worker class, so it must not block: see offload().
///
/// The server answers pings, sends its own, checks what comes and closes when the client breaks a
/// rule or a limit. When the worker leaves, it closes with 1001; the handler learns of that as of
/// any end: receive() gives nothing. After the end, a handler has --websocket-close-timeout to
/// return; then its scope is cancelled. --request-timeout ends with the acceptance.
class URINGCORN_API WebSocket {
 public:
  explicit WebSocket(detail::WebSocketChannel& channel) noexcept : channel_(&channel) {}

  /// Opens the WebSocket. Throws std::logic_error the second time, std::invalid_argument when the
  /// client does not offer the protocol.
  void accept(WebSocketAcceptance acceptance = {}) { channel_->accept(std::move(acceptance)); }
  /// Answers the request with `response` instead, once the handler has returned. Throws
  /// std::logic_error after accept().
  void reject(Response response) { channel_->reject(std::move(response)); }
  void reject(int status, std::string_view message = {}) {
    reject(Response::error(status, message));
  }

  /// The next message; nothing when there are no more: see end(). While the handler does not
  /// receive, so many bytes as --websocket-queue says are kept; then the client has to wait. Throws
  /// Cancelled when the worker leaves in a hurry. One coroutine at a time.
  Task<std::optional<WebSocketMessage>> receive() { return channel_->receive(); }

  /// Sends a message and waits while the client does not take what was sent before (backpressure).
  /// `data` must stay until it returns. Any number of coroutines may send at a time. Throws
  /// WebSocketClosed; std::invalid_argument for a text that is not UTF-8.
  Task<void> send_text(std::string_view data) { return channel_->send(data, true); }
  Task<void> send_binary(std::string_view data) { return channel_->send(data, false); }
  Task<void> send(const WebSocketMessage& message) {
    return channel_->send(message.data, message.is_text);
  }

  /// Says the end: nothing can be sent any more. What the client has sent by then can still be
  /// received. A reason of more than 123 bytes is cut. Throws std::invalid_argument for a code that
  /// may not be sent (RFC 6455, 7.4) or a reason that is not UTF-8. Does nothing after the end.
  void close(std::uint16_t code = 1000, std::string_view reason = {}) {
    channel_->close(code, reason);
  }

  /// Whether something may be sent.
  bool is_open() const noexcept { return channel_->is_open(); }
  /// The subprotocols that the client offers, the best one first.
  std::vector<std::string_view> offered_protocols() const { return channel_->offered_protocols(); }
  /// The one that was agreed upon; empty: none.
  std::string_view protocol() const noexcept { return channel_->protocol(); }
  /// How it ended, once receive() has given nothing.
  const WebSocketEnd& end() const noexcept { return channel_->end(); }

 private:
  friend class WebSocketGroup;

  detail::WebSocketChannel* channel_;
};

/// WebSockets of one worker that get the same messages. Make it with App::emplace_state(); it must
/// outlive its members.
///
///     Task<void> chat(WebSocketGroup& room, WebSocket socket) {
///       const WebSocketGroup::Member member(room, socket);
///       for (;;) {
///         const std::optional<WebSocketMessage> message = co_await socket.receive();
///         if (!message) co_return;
///         room.send(*message);
///       }
///     }
///
/// Sending waits for nobody: a member that does not take its messages has up to --websocket-queue
/// bytes of them kept, and what happens beyond is the policy of the group. Workers are processes:
/// the members of other workers' groups need a broker between them.
class URINGCORN_API WebSocketGroup {
 public:
  /// For a member whose queue is full.
  enum class WhenSlow : std::uint8_t {
    close,  ///< it is closed with 1008, because it would miss a message
    skip,   ///< it misses the message
  };

  explicit WebSocketGroup(WhenSlow when_slow = WhenSlow::close) noexcept : when_slow_(when_slow) {}
  WebSocketGroup(const WebSocketGroup&) = delete;
  WebSocketGroup& operator=(const WebSocketGroup&) = delete;

  /// Membership for as long as this lives: a variable of the handler. Accepts the WebSocket if that
  /// was not done.
  class URINGCORN_API Member : private detail::ListHook {
   public:
    Member(WebSocketGroup& group, WebSocket socket);

   private:
    friend class WebSocketGroup;
    detail::WebSocketChannel& channel_;
  };

  /// Gives the message to all members that are open, but not to `except` (may be null). Throws
  /// std::invalid_argument for a text that is not UTF-8.
  void send(const WebSocketMessage& message, const Member* except = nullptr) {
    send(message.data, message.is_text, except);
  }
  void send_text(std::string_view data, const Member* except = nullptr) {
    send(data, true, except);
  }
  void send_binary(std::string_view data, const Member* except = nullptr) {
    send(data, false, except);
  }

  std::size_t size() const noexcept;

 private:
  void send(std::string_view data, bool is_text, const Member* except);

  detail::ListHook members_;
  WhenSlow when_slow_;
};

}  // namespace uringcorn
