// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <uringcorn/export.hpp>
#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/websocket.hpp>

namespace uringcorn {

namespace detail {
class Endpoint;
}

/// What every handler becomes: called once for each request, it gives the task that answers it.
using Handler = std::function<Task<Response>(Request&)>;

/// What stands behind a middleware: the next one, and last the handler. Copied freely; valid as
/// long as the request. Exceptions of what stands behind come out of the await.
class URINGCORN_API Next {
 public:
  Task<Response> operator()(Request& request) const;

 private:
  friend class detail::Endpoint;
  Next(const detail::Endpoint& endpoint, std::size_t position) noexcept
      : endpoint_(&endpoint), position_(position) {}

  const detail::Endpoint* endpoint_;
  std::size_t position_;
};

/// Stands around handlers: `Task<Response> timed(Request& request, Next next)`. It may change what
/// it gets from `co_await next(request)`, or answer by itself.
using Middleware = std::function<Task<Response>(Request&, Next)>;

/// Turns an exception into an answer; rethrows what it has no answer for.
using ErrorHandler = std::function<Response(std::exception_ptr, Request&)>;

/// Runs at the beginning or the end of a worker's life.
using LifeHook = std::function<Task<void>()>;

namespace detail {

template <class F, class Result, class... Arguments>
concept CallableAs = std::invocable<F&, Arguments...> &&
                     std::same_as<std::invoke_result_t<F&, Arguments...>, Result>;

/// `Task<Response>(Request&)`: a coroutine.
template <class F>
concept CoroutineHandler = CallableAs<F, Task<Response>, Request&>;
/// `Response(Request&)` or `Response(const Request&)`: an ordinary function.
template <class F>
concept FunctionHandler = CallableAs<F, Response, Request&>;
/// `Task<void>(Request&, EventStream)`: server-sent events.
template <class F>
concept EventHandler = CallableAs<F, Task<void>, Request&, EventStream>;

template <class F>
Task<Response> call_function(F& function, Request& request) {
  co_return function(request);
}

template <class F>
Task<Response> call_event_handler(F& handler, Request& request) {
  co_return Response::events(
      [&handler, &request](EventStream events) { return handler(request, events); });
}

/// `Task<void>(Request&, WebSocket)`.
template <class F>
concept WebSocketHandler = CallableAs<F, Task<void>, Request&, WebSocket>;

template <class F>
Task<Response> call_websocket_handler(F& handler, const WebSocketOptions& options,
                                      Request& request) {
  co_return Response::websocket(
      request,
      [&handler](Request& upgraded, WebSocket socket) { return handler(upgraded, socket); },
      options);
}

/// The lambdas here are no coroutines: what they hold stays in the Handler, which the application
/// keeps, and the coroutines refer to it.
template <class F>
Handler to_handler(F handler) {
  static_assert(std::copy_constructible<F>,
                "a handler must be copyable: what is not belongs into App::emplace_state()");
  if constexpr (CoroutineHandler<F>) {
    return Handler(std::move(handler));
  } else if constexpr (FunctionHandler<F>) {
    return [function = std::move(handler)](Request& request) mutable {
      return call_function(function, request);
    };
  } else {
    static_assert(EventHandler<F>,
                  "a handler is Task<Response>(Request&), Response(Request&) or "
                  "Task<void>(Request&, EventStream)");
    return [handler = std::move(handler)](Request& request) mutable {
      return call_event_handler(handler, request);
    };
  }
}

template <class F>
Handler to_websocket_handler(F handler, WebSocketOptions options) {
  static_assert(std::copy_constructible<F>,
                "a handler must be copyable: what is not belongs into App::emplace_state()");
  static_assert(WebSocketHandler<F>, "a handler of WebSockets is Task<void>(Request&, WebSocket)");
  return [handler = std::move(handler), options = std::move(options)](Request& request) mutable {
    return call_websocket_handler(handler, options, request);
  };
}

}  // namespace detail
}  // namespace uringcorn
