// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include <uringcorn/app.hpp>

#include "allocation_counter.hpp"
#include "fake_request.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;

Task<Response> hello(Request&) {
  co_return Response::text("Hello, World!");
}

Task<Response> pass(Request& request, Next next) {
  Response response = co_await next(request);
  response.field("X-Seen", "yes");
  co_return response;
}

/// Allocations of one request, once the frames of its coroutines have been pooled.
std::size_t allocations_of(Application& application, const std::string& target) {
  FakeRequest fake("GET", target);
  Request& request = fake.request();
  std::size_t count = 0;
  for (int round = 0; round < 3; ++round) {
    const std::size_t before = allocations().count;
    {
      RunningTask<Response> running(application.handle(request), fake.scope());
      const Response response = running.join().await_resume();
    }
    count = allocations().count - before;
  }
  return count;
}

}  // namespace

TEST_CASE("a small answer of a native handler takes nothing from the heap" *
          doctest::skip(!counts_allocations())) {
  auto app = make_application([](App& app) {
    app.get("/hello", hello);
    app.get("/function", [](const Request&) { return Response::text("Hello, World!"); });
    app.group("/group").use(pass).use(pass).get("/hello", hello);
    app.on_error([](std::exception_ptr, Request&) { return Response(500); });
  });
  CHECK(allocations_of(*app, "/hello") == 0);
  CHECK(allocations_of(*app, "/hello?a=b") == 0);
  CHECK(allocations_of(*app, "/function") == 0);
  CHECK(allocations_of(*app, "/group/hello") == 0);
  CHECK(allocations().count > 0);
}
