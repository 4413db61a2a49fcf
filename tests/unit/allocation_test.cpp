// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include <uringcorn/app.hpp>

#include "fake_request.hpp"

// The sanitizers bring an allocator of their own, which checks more than this one counts.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATIONS_ARE_COUNTED 0
#endif
#endif
#ifndef ALLOCATIONS_ARE_COUNTED
#define ALLOCATIONS_ARE_COUNTED 1
#endif

#if ALLOCATIONS_ARE_COUNTED

namespace {

thread_local std::size_t t_allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++t_allocations;
  if (void* const memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

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
    const std::size_t before = t_allocations;
    {
      RunningTask<Response> running(application.handle(request), fake.scope());
      const Response response = running.join().await_resume();
    }
    count = t_allocations - before;
  }
  return count;
}

}  // namespace

TEST_CASE("a small answer of a native handler takes nothing from the heap") {
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
  CHECK(t_allocations > 0);
}

#endif
