// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <uringcorn/export.hpp>
#include <uringcorn/fields.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

class HttpError;
class Request;
class WebSocket;
struct WebSocketOptions;

namespace detail {
struct WebSocketUpgrade;
}

/// Takes the body of a streamed answer. Lives as long as the producer runs.
class URINGCORN_API BodyWriter {
 public:
  /// Sends `bytes` and waits while the client does not take them (backpressure). `bytes` must stay
  /// until it returns. Throws Cancelled when the client is gone; std::length_error past a length
  /// that was announced.
  virtual Task<void> write(std::string_view bytes) = 0;

  /// Trailer fields (RFC 9110, 6.5), sent behind the body when the producer has ended; replaces
  /// those of an earlier call. HTTP/1.1 has room for them only where the body is sent in chunks: a
  /// client of HTTP/1.0, or of a body with an announced length, does not get them. Throws
  /// std::invalid_argument for a name that may not stand there, such as Content-Length.
  void trailers(Fields fields);

 protected:
  ~BodyWriter() = default;

 private:
  /// Keeps valid ones until the end.
  virtual void keep_trailers(Fields fields) = 0;
};

/// Sends server-sent events (the "text/event-stream" of the HTML standard).
class URINGCORN_API EventStream {
 public:
  explicit EventStream(BodyWriter& writer) noexcept : writer_(&writer) {}

  /// One event; `data` may have several lines. `name` and `id` are left out when empty and must not
  /// contain line ends (std::invalid_argument).
  Task<void> send(std::string data, std::string name = {}, std::string id = {});
  /// A comment, which clients ignore: keeps intermediaries from closing an idle stream.
  Task<void> comment(std::string text);

 private:
  BodyWriter* writer_;
};

/// A cookie to be set (RFC 6265, 4.1). Values with characters that are not allowed throw
/// std::invalid_argument when it is added to a response.
struct Cookie {
  enum class SameSite : std::uint8_t { unset, strict, lax, none };

  std::string name = {};
  std::string value = {};
  std::string path = "/";
  std::string domain = {};
  std::optional<std::chrono::seconds> max_age = {};
  SameSite same_site = SameSite::lax;
  bool secure = false;
  bool http_only = true;
};

/// An answer: a status, fields, and a body that is a string or a producer. The server adds Date,
/// Server and the framing (Content-Length, Transfer-Encoding, Connection); what an application sets
/// of these framing fields is ignored. A status is 200 to 599: with any other, the server answers
/// 500.
class URINGCORN_API Response {
 public:
  using Producer = std::function<Task<void>(BodyWriter&)>;

  /// An empty answer.
  explicit Response(int status = 200) noexcept : status_(status) {}

  static Response text(std::string body);  ///< text/plain; charset=utf-8
  static Response html(std::string body);  ///< text/html; charset=utf-8
  static Response json(std::string body);  ///< application/json; `body` is JSON text already
  static Response bytes(std::string body,
                        std::string_view content_type = "application/octet-stream");
  /// The plain-text page of an HttpError: the status, its name, and `message` as a second line.
  static Response error(int status, std::string_view message = {});
  static Response error(const HttpError& error);  ///< with Retry-After, if it has one
  /// `location` goes into the Location field as it is.
  static Response redirect(std::string_view location, int status = 302);
  /// The body is what `producer` writes: sent as it comes, chunked unless a length is set. The
  /// producer, and all that it captures, is kept until it has ended. An exception out of it breaks
  /// the connection off, so that the client sees that the body is not whole.
  static Response stream(Producer producer,
                         std::string_view content_type = "application/octet-stream");
  /// Server-sent events.
  static Response events(std::function<Task<void>(EventStream)> producer);
  /// Opens a WebSocket, on which `handler` runs; its status is 101. A `request` that is no good
  /// handshake (RFC 6455, 4.2.1), or comes from a page that may not connect, is refused: 400, 403
  /// or 426, over HTTP/2 405. See App::websocket(), which is the usual way.
  static Response websocket(Request& request,
                            std::function<Task<void>(Request&, WebSocket)> handler,
                            const WebSocketOptions& options);

  int status() const noexcept { return status_; }
  Response& status(int status) & noexcept {
    status_ = status;
    return *this;
  }
  Response&& status(int status) && noexcept { return std::move(this->status(status)); }

  Fields& fields() noexcept { return fields_; }
  const Fields& fields() const noexcept { return fields_; }
  /// Appends a field line; see Fields::add.
  Response& field(std::string_view name, std::string_view value) & {
    fields_.add(name, value);
    return *this;
  }
  Response&& field(std::string_view name, std::string_view value) && {
    return std::move(this->field(name, value));
  }
  Response& cookie(const Cookie& cookie) &;
  Response&& cookie(const Cookie& cookie) && { return std::move(this->cookie(cookie)); }
  /// Announces the length of a streamed body; the producer must write exactly as many bytes.
  Response& length(std::uint64_t bytes) & noexcept {
    length_ = bytes;
    return *this;
  }
  Response&& length(std::uint64_t bytes) && noexcept { return std::move(this->length(bytes)); }

  bool streamed() const noexcept { return producer_ != nullptr; }
  std::string_view body() const noexcept { return body_; }
  void body(std::string bytes) noexcept { body_ = std::move(bytes); }
  Producer& producer() noexcept { return producer_; }
  std::optional<std::uint64_t> length() const noexcept { return length_; }
  /// Not null: this answer opens a WebSocket, as long as its status is 101.
  const std::shared_ptr<const detail::WebSocketUpgrade>& upgrade() const noexcept {
    return upgrade_;
  }

 private:
  int status_;
  Fields fields_;
  std::string body_;
  Producer producer_;
  std::optional<std::uint64_t> length_;
  std::shared_ptr<const detail::WebSocketUpgrade> upgrade_;
};

}  // namespace uringcorn
