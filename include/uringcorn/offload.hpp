// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <uringcorn/export.hpp>
#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>

namespace uringcorn {

namespace detail {

/// A function that blocks, to be called once on a thread that may.
class URINGCORN_API BlockingWork {
 public:
  virtual void run() noexcept = 0;

 protected:
  ~BlockingWork() = default;
};

/// Calls work.run() where the worker class wants it, and waits for its end.
URINGCORN_API Task<void> run_blocking(BlockingWork& work);
/// Within work.run(): is asked to stop when nobody waits for the result any more.
URINGCORN_API std::stop_token stop_token_of_work();

template <class F>
decltype(auto) call_with_stop(F& function) {
  if constexpr (std::invocable<F&, std::stop_token>) {
    return function(stop_token_of_work());
  } else {
    return function();
  }
}

template <class F, class T>
class KeptCall final : public BlockingWork {
 public:
  explicit KeptCall(F& function) noexcept : function_(function) {}

  void run() noexcept override {
    outcome_.keep_call([this]() -> decltype(auto) { return call_with_stop(function_); });
  }
  T take() { return outcome_.take(); }

 private:
  F& function_;
  Outcome<T> outcome_;
};

template <class F>
using OffloadResult = std::remove_cvref_t<decltype(call_with_stop(std::declval<F&>()))>;

template <class F>
Task<OffloadResult<F>> offload_call(F function) {
  KeptCall<F, OffloadResult<F>> call(function);
  co_await run_blocking(call);
  co_return call.take();
}

}  // namespace detail

/// Runs `function`, which may block, without holding up the worker:
///
///     Rows rows = co_await offload([&] { return database.query(sql); });
///
/// In the class `async` it runs on one of the worker's threads (`--threads`), in `threads` and
/// `sync` there and then, on the thread of the request. The coroutine waits for its end in any
/// case, so that `function` may refer to the coroutine's variables; what it gives or throws comes
/// out of the await. A function that takes a `std::stop_token` is asked to stop when the request is
/// cancelled; one that has not begun by then never does, and the await throws Cancelled.
///
/// Throws HttpError(503), which is answered with Retry-After, when too many wait for a thread
/// (`--thread-queue`). Elsewhere than in a worker it throws std::logic_error.
template <class F>
auto offload(F function) {
  return detail::offload_call(std::move(function));
}

namespace detail {

template <class F, class... Arguments>
concept AnswersTo = std::invocable<F&, Arguments...> &&
                    std::convertible_to<std::invoke_result_t<F&, Arguments...>, Response>;
/// Takes the request, and maybe more: see blocking().
template <class F, class... More>
concept BlockingHandler =
    AnswersTo<F, Request&, More...> || AnswersTo<F, Request&, More..., std::stop_token>;

template <class F, class... More>
Response call_blocking(F& function, Request& request, More... more) {
  if constexpr (AnswersTo<F, Request&, More..., std::stop_token>) {
    return function(request, std::move(more)..., stop_token_of_work());
  } else {
    return function(request, std::move(more)...);
  }
}

template <class F>
Task<Response> answer_blocking(F& function, Request& request) {
  if constexpr (BlockingHandler<F, std::string>) {
    std::string body = co_await request.text();
    co_return co_await offload([&] { return call_blocking(function, request, std::move(body)); });
  } else {
    co_return co_await offload([&] { return call_blocking(function, request); });
  }
}

}  // namespace detail

/// Makes a handler of an ordinary function that may block, one of:
///
///     Response report(const Request& request);
///     Response store(const Request& request, std::string body);   // the whole body, as of text()
///
/// either with a `std::stop_token` behind. It runs as offload() says; so in the class `async` (and
/// in `threads`) it runs on several threads at a time: what it shares with others, it locks. It
/// must not touch the request's body and scope, which belong to the reactor.
///
///     app.get("/report/{year}", blocking(report));
template <class F>
auto blocking(F function) {
  static_assert(detail::BlockingHandler<F> || detail::BlockingHandler<F, std::string>,
                "a blocking handler is Response(Request&) or Response(Request&, std::string), or "
                "one of them with a std::stop_token behind");
  return [function = std::move(function)](Request& request) mutable -> Task<Response> {
    return detail::answer_blocking(function, request);
  };
}

}  // namespace uringcorn
