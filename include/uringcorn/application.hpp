// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/export.hpp>
#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/task.hpp>

namespace uringcorn {

/// What answers requests: the seam between the server and everything that is served. A native
/// application (an App full of routes), the welcome page, an embedded interpreter are Applications;
/// the protocols know nothing else of them. Lives in one worker, on its reactor's thread.
class URINGCORN_API Application {
 public:
  virtual ~Application() = default;

  /// Runs once in each worker before the first request. An exception ends the worker (exit 3).
  virtual Task<void> startup() { co_return; }
  /// Answers one request. Many run at a time. It runs in the request's scope. An exception becomes
  /// an error page: an HttpError its own, anything else a logged 500.
  virtual Task<Response> handle(Request& request) = 0;
  /// Runs once after the last request.
  virtual Task<void> shutdown() { co_return; }
};

}  // namespace uringcorn
