// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include <uringcorn/application.hpp>
#include <uringcorn/export.hpp>
#include <uringcorn/handler.hpp>

namespace uringcorn {

namespace detail {
class AppParts;
}

/// Routes below a common prefix, with their own middleware. A handle: copied freely, valid as long
/// as its App. Everything is registered before the application starts, afterwards it throws
/// std::logic_error.
///
/// A pattern is a path of segments: `/shop/{id}/reviews`. A segment is literal text, `{name}`,
/// which takes one segment that is not empty, or, at the end, `{name...}`, which takes all the
/// rest, also an empty one: `/files/{path...}` answers `/files/` and `/files/a/b`, but not
/// `/files`. Segments are compared after their percent-escapes were decoded, byte by byte, and an
/// escaped slash ("%2F") ends no segment. "/a" and "/a/" are two paths; "." and ".." mean nothing.
///
/// Of several patterns that fit, the one counts that is more particular at the first segment where
/// they differ: literal text before `{name}` before `{name...}`; patterns that have no handler for
/// the request's method are passed over. A path that only has handlers for other methods is
/// answered 405 with Allow. HEAD is answered by the `get` handler (the server leaves the body out),
/// OPTIONS by an empty answer with Allow, unless there is a handler for them. A method's own
/// handler comes before `any` of the same pattern.
///
/// A handler is a coroutine `Task<Response>(Request&)`; an ordinary function `Response(Request&)`
/// (also `const Request&`), which runs on the reactor, so it must be quick and never wait, unless
/// it is made a handler by blocking(); or `Task<void>(Request&, EventStream)`, which sends
/// server-sent events. It is called for many requests at a time, on one thread; in the worker class
/// `threads` on several. The app keeps it: a lambda may capture what lives as long.
///
/// A pattern that is malformed, or registered twice for a method, throws std::invalid_argument.
class URINGCORN_API RouteGroup {
 public:
  template <class F>
  RouteGroup& get(std::string_view pattern, F handler) {
    return add(Method::get, pattern, detail::to_handler(std::move(handler)));
  }
  template <class F>
  RouteGroup& post(std::string_view pattern, F handler) {
    return add(Method::post, pattern, detail::to_handler(std::move(handler)));
  }
  template <class F>
  RouteGroup& put(std::string_view pattern, F handler) {
    return add(Method::put, pattern, detail::to_handler(std::move(handler)));
  }
  template <class F>
  RouteGroup& patch(std::string_view pattern, F handler) {
    return add(Method::patch, pattern, detail::to_handler(std::move(handler)));
  }
  template <class F>
  RouteGroup& del(std::string_view pattern, F handler) {
    return add(Method::del, pattern, detail::to_handler(std::move(handler)));
  }
  template <class F>
  RouteGroup& head(std::string_view pattern, F handler) {
    return add(Method::head, pattern, detail::to_handler(std::move(handler)));
  }
  template <class F>
  RouteGroup& options(std::string_view pattern, F handler) {
    return add(Method::options, pattern, detail::to_handler(std::move(handler)));
  }
  /// Every method, also such as the server does not know, except CONNECT and TRACE.
  template <class F>
  RouteGroup& any(std::string_view pattern, F handler) {
    return add_any(pattern, detail::to_handler(std::move(handler)));
  }

  /// Opens WebSockets: `handler` is a coroutine `Task<void>(Request&, WebSocket)`. Middleware
  /// stands around the opening: it sees an answer with the status 101, or that of a refusal, and
  /// the handler begins when the last of it has returned. A pattern may have a WebSocket beside its
  /// other methods; a GET that asks for none, where there is nothing else, is answered 426. Over
  /// HTTP/2 it is reached by an extended CONNECT (RFC 8441).
  template <class F>
  RouteGroup& websocket(std::string_view pattern, F handler, WebSocketOptions options = {}) {
    return add(Method::connect, pattern,
               detail::to_websocket_handler(std::move(handler), std::move(options)));
  }

  /// Routes below `prefix`, a pattern without a slash at its end; "" is a group of its own
  /// middleware and no prefix. In a group, a pattern may be "": the prefix alone.
  RouteGroup group(std::string_view prefix);

  /// Puts `middleware` around all handlers of this group and the groups below it, no matter which
  /// was registered first. The first one is the outermost; those of a group stand inside of those
  /// of the group above. Middleware also sees the automatic answers (405, OPTIONS) for the group's
  /// paths; that of the App sees every request, also those that are answered 404.
  RouteGroup& use(Middleware middleware);

 protected:
  RouteGroup(detail::AppParts& parts, std::size_t group) noexcept : parts_(&parts), group_(group) {}

  RouteGroup& add(Method method, std::string_view pattern, Handler handler);
  RouteGroup& add_any(std::string_view pattern, Handler handler);

  detail::AppParts* parts_;
  std::size_t group_;
};

/// An application of routes. Each worker makes its own, by calling the function that was given to
/// URINGCORN_APP, and destroys it when it leaves: handlers first, then the state in reverse order.
class URINGCORN_API App : public RouteGroup {
 public:
  App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  ~App();

  /// Answers for exceptions out of handlers and middleware (not Cancelled, which always passes) and
  /// for 404 and 405, which come as an HttpError. Without it the server answers: an HttpError with
  /// its own page, anything else with 500 and a line in the error log. A streamed answer that
  /// throws once it has begun is broken off instead.
  App& on_error(ErrorHandler handler);

  /// Runs in each worker, on the reactor, before its first request, in the order of registration.
  /// An exception ends the worker with exit code 3.
  App& on_startup(LifeHook hook);
  /// Runs in each worker after its last request and its background tasks, in reverse order, each
  /// also when another one threw.
  App& on_shutdown(LifeHook hook);

  /// Makes a T that lives as long as the app, for handlers to refer to.
  template <class T, class... Arguments>
  T& emplace_state(Arguments&&... arguments) {
    auto state = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    T& reference = *state;
    keep(std::move(state));
    return reference;
  }

 private:
  friend class NativeApplication;

  explicit App(std::unique_ptr<detail::AppParts> parts);
  void keep(std::shared_ptr<void> state);

  std::unique_ptr<detail::AppParts> owned_parts_;
};

/// The application that `configure` describes. What `configure` throws passes.
URINGCORN_API std::unique_ptr<Application> make_application(
    const std::function<void(App&)>& configure);

}  // namespace uringcorn
