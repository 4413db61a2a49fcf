// SPDX-License-Identifier: MIT
// Prints the nanoseconds, and the allocations, that a native application takes for one request,
// from the request's head to the answer: the best of many rounds, because everything else that
// happens on the machine only ever adds time. The table of routes is as long as a real one.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <uringcorn/app.hpp>
#include <uringcorn/task.hpp>

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
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

constexpr int k_rounds = 200;
constexpr int k_requests_per_round = 10'000;

/// The protocol's side, without a protocol.
class Channel final : public detail::RequestChannel, public detail::Arena {
 public:
  Task<std::string_view> read_body() override { co_return std::string_view(); }
  Task<void> send_interim(int, const Fields&) override { co_return; }
  const Fields& trailers() const noexcept override { return trailers_; }
  Arena& arena() noexcept override { return *this; }
  CancelScope& scope() noexcept override { return scope_; }
  std::size_t text_limit() const noexcept override { return 0; }
  char* allocate(std::size_t bytes) override {
    char* const start = memory_ + used_;
    used_ += bytes;
    return start;
  }
  void reset() noexcept { used_ = 0; }

 private:
  CancelScope scope_;
  Fields trailers_;
  std::size_t used_ = 0;
  char memory_[4096];
};

Task<Response> hello(Request&) {
  co_return Response::text("Hello, World!");
}

Response function(const Request&) {
  return Response::text("Hello, World!");
}

Task<Response> user(Request& request) {
  co_return Response::text(std::string(request.param("id")));
}

Task<Response> pass(Request& request, Next next) {
  Response response = co_await next(request);
  co_return response;
}

void site(App& app) {
  for (const char* name :
       {"get",    "post",    "put",    "delete",   "anything", "headers",  "ip",
        "status", "delay",   "bytes",  "stream",   "drip",     "redirect", "cookies",
        "etag",   "cache",   "uuid",   "json",     "html",     "base64",   "echo",
        "sse",    "worker",  "health", "products", "orders",   "invoices", "reports",
        "about",  "contact", "login",  "logout",   "help",     "metrics",  "settings",
        "search", "export",  "import", "webhooks", "events"}) {
    app.get(std::string("/") + name, hello);
  }
  app.get("/hello", hello);
  app.get("/function", function);
  app.get("/api/users/{id}", user);
  app.group("/guarded").use(pass).get("/hello", hello);
}

void measure(Application& application, std::string_view path) {
  using Clock = std::chrono::steady_clock;
  Channel channel;
  detail::RequestHead head;
  head.target = path;
  head.path = path;
  double best_ns = 1e9;
  std::size_t allocated = 0;
  for (int round = 0; round < k_rounds; ++round) {
    const std::size_t before = allocations;
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < k_requests_per_round; ++i) {
      channel.reset();
      Request request(head, channel);
      RunningTask<Response> running(application.handle(request), channel.scope());
      const Response response = running.join().await_resume();
      asm volatile("" : : "r"(response.body().data()) : "memory");
    }
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    const double ns = elapsed.count() / k_requests_per_round;
    best_ns = ns < best_ns ? ns : best_ns;
    allocated = allocations - before;
  }
  std::printf("%-20s %8.1f ns %6.2f allocations\n", std::string(path).c_str(), best_ns,
              static_cast<double>(allocated) / k_requests_per_round);
}

}  // namespace

int main() {
  const std::unique_ptr<Application> application = make_application(site);
  for (const char* path :
       {"/hello", "/function", "/api/users/4711", "/guarded/hello", "/missing"}) {
    measure(*application, path);
  }
}
