// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <uringcorn/cancel.hpp>
#include <uringcorn/client_certificate.hpp>
#include <uringcorn/export.hpp>
#include <uringcorn/fields.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

class Request;

/// The methods that are known by name (RFC 9110, 9.3; PATCH: RFC 5789). Any other token is `other`.
enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  patch,
  del,
  options,
  connect,
  trace,
  other
};

/// Thrown by a handler, or by what it calls, to end the request with a certain status and a small
/// plain-text page: `throw HttpError(404, "no such report")`.
class URINGCORN_API HttpError : public std::exception {
 public:
  /// `status` is 400 to 599; anything else counts as 500. `message` goes to the client.
  explicit HttpError(int status, std::string message = {});
  int status() const noexcept { return status_; }
  const char* what() const noexcept override { return message_.c_str(); }

  /// When the client may try again, for the Retry-After field; zero: there is none.
  std::chrono::seconds retry_after() const noexcept { return retry_after_; }
  HttpError& retry_after(std::chrono::seconds time) noexcept {
    retry_after_ = time;
    return *this;
  }

 private:
  int status_;
  std::string message_;
  std::chrono::seconds retry_after_{0};
};

/// A parameter of the path or of the query, decoded.
struct Parameter {
  std::string_view name;
  std::string_view value;
};

namespace detail {

/// Memory for what lives as long as one request. Thread: the request's.
class URINGCORN_API Arena {
 public:
  /// Of any alignment.
  virtual char* allocate(std::size_t bytes) = 0;

 protected:
  ~Arena() = default;
};

/// What a protocol knows of a request when its head has come. All views live as long as the
/// request.
struct RequestHead {
  Method method = Method::get;
  std::uint8_t version_major = 1;
  std::uint8_t version_minor = 1;
  bool https = false;
  bool websocket = false;  ///< it asks for one (RFC 6455, 4.1; RFC 8441, 5)
  std::string_view method_name;
  std::string_view target;  ///< as it was sent
  std::string_view path;    ///< percent-decoded; "*" of OPTIONS, the authority of CONNECT
  std::string_view query;   ///< after the "?", not decoded
  std::string_view authority;
  std::string_view peer_address;
  std::uint16_t peer_port = 0;
  const ClientCertificate* client_certificate = nullptr;
  RequestFields fields;
  std::optional<std::uint64_t> content_length;
  bool has_body = false;
};

/// The protocol's side of a request that is being handled.
class URINGCORN_API RequestChannel {
 public:
  /// The next bytes of the body, valid until the next call; empty at the end. Throws HttpError
  /// (400, 408, 413) or Cancelled.
  virtual Task<std::string_view> read_body() = 0;
  /// Sends an interim answer (1xx) with `fields` at once.
  virtual Task<void> send_interim(int status, const Fields& fields) = 0;
  /// What came behind the body; nothing before its end was read.
  virtual const Fields& trailers() const noexcept = 0;
  virtual Arena& arena() noexcept = 0;
  virtual CancelScope& scope() noexcept = 0;
  /// The limit of text().
  virtual std::size_t text_limit() const noexcept = 0;

 protected:
  ~RequestChannel() = default;
};

}  // namespace detail

/// A request's body, read as it comes. Not reading it is fine: the server drains or closes.
class URINGCORN_API Body {
 public:
  explicit Body(detail::RequestChannel& channel, const detail::RequestHead& head) noexcept
      : channel_(channel), head_(head) {}

  /// The next bytes, valid until the next read(); empty at the end, and from then on. Waits for the
  /// client; the client waits for you (backpressure). Throws HttpError(400) when the body ends
  /// early or its framing is bad, 408 when nothing comes for too long, 413 beyond the limit: let it
  /// pass. A read() while another one waits throws std::logic_error.
  Task<std::string_view> read() { return channel_.read_body(); }
  /// The trailer fields (RFC 9110, 6.5) that came behind the body: there when read() has given the
  /// end, mostly none, valid as long as the request. They were checked like header fields, and
  /// names that mean something before a body are refused in them. They are never among fields().
  const Fields& trailers() const noexcept { return channel_.trailers(); }
  /// The length that the client announced; unknown for a chunked body.
  std::optional<std::uint64_t> length() const noexcept { return head_.content_length; }
  /// False: there is no body.
  bool present() const noexcept { return head_.has_body; }

 private:
  detail::RequestChannel& channel_;
  const detail::RequestHead& head_;
};

/// One request, as every protocol hands it to the application. It lives until its answer is sent or
/// its scope is cancelled; what it returns as a view lives as long. Belongs to the thread that runs
/// the handler.
class URINGCORN_API Request {
 public:
  Request(const detail::RequestHead& head, detail::RequestChannel& channel) noexcept
      : head_(head), channel_(channel), body_(channel, head) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Method method() const noexcept { return head_.method; }
  std::string_view method_name() const noexcept { return head_.method_name; }
  /// The request target as it was sent (RFC 9112, 3.2).
  std::string_view target() const noexcept { return head_.target; }
  /// The path, percent-decoded. It may hold any byte but NUL; "." and ".." are not resolved.
  std::string_view path() const noexcept { return head_.path; }
  /// The query after the "?", as it was sent.
  std::string_view query_string() const noexcept { return head_.query; }
  /// The first query parameter of that name, decoded (percent, and "+" as a space; what is not a
  /// valid escape stays as it is). "?a" and "?a=" both give an empty text.
  std::optional<std::string_view> query(std::string_view name) const;
  /// The same as a number; nothing if it is absent or not a whole number in range.
  template <std::integral T>
  std::optional<T> query(std::string_view name) const {
    return to_number<T>(query(name));
  }
  /// All query parameters, decoded, in their order.
  std::span<const Parameter> queries() const;
  /// What the route's pattern took from the path at {name}; throws std::out_of_range if the pattern
  /// has no such name.
  std::string_view param(std::string_view name) const;
  /// The same as a number; nothing if it is not a whole number in range.
  template <std::integral T>
  std::optional<T> param(std::string_view name) const {
    return to_number<T>(param(name));
  }

  const RequestFields& fields() const noexcept { return head_.fields; }
  std::optional<std::string_view> field(std::string_view name) const noexcept {
    return head_.fields.get(name);
  }
  /// The value of a cookie (RFC 6265, 4.2.1), as it was sent.
  std::optional<std::string_view> cookie(std::string_view name) const noexcept;
  /// All cookies, in their order.
  std::vector<Parameter> cookies() const;

  /// The client's address as text ("192.0.2.7", "2001:db8::1"; empty for a unix socket) and port.
  std::string_view peer_address() const noexcept { return head_.peer_address; }
  std::uint16_t peer_port() const noexcept { return head_.peer_port; }
  /// The certificate with which the client proved who it is, to this server itself; null: it has
  /// shown none, or was not asked to (--cert-reqs). Behind a proxy that speaks TLS it is the
  /// proxy's.
  const ClientCertificate* client_certificate() const noexcept { return head_.client_certificate; }
  std::string_view scheme() const noexcept { return head_.https ? "https" : "http"; }
  /// The authority that the request is for: of an absolute target, else of the Host field.
  std::string_view authority() const noexcept { return head_.authority; }
  /// Whether the client asks for a WebSocket here. Whoever does not answer with one answers as
  /// usual.
  bool wants_websocket() const noexcept { return head_.websocket; }
  int version_major() const noexcept { return head_.version_major; }
  int version_minor() const noexcept { return head_.version_minor; }

  Body& body() noexcept { return body_; }
  /// The whole body. Throws HttpError(413) beyond the limit (--limit-request-text).
  Task<std::string> text();

  /// Sends 103 (RFC 8297) with `fields`, Link lines for instance, ahead of the answer. Nothing for
  /// an HTTP/1.0 client.
  Task<void> early_hints(Fields fields);

  /// Cancelled when the client is gone, the request's time is over, or the worker leaves.
  CancelScope& scope() noexcept { return channel_.scope(); }

 private:
  friend class RequestAccess;

  template <class T>
  static std::optional<T> to_number(std::optional<std::string_view> text) noexcept {
    T value{};
    if (!text) {
      return std::nullopt;
    }
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc() || stop != end) {
      return std::nullopt;
    }
    return value;
  }

  const detail::RequestHead& head_;
  detail::RequestChannel& channel_;
  Body body_;
  std::span<const Parameter> parameters_;
  // Decoded when it is first asked for.
  mutable std::span<const Parameter> queries_;
  mutable bool queries_decoded_ = false;
};

/// The pairs of an "application/x-www-form-urlencoded" text, a form's body for instance, decoded as
/// queries are, in their order.
URINGCORN_API std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);

}  // namespace uringcorn
