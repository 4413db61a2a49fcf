// SPDX-License-Identifier: MIT
// Applications as a stranger writes them: the default one, a named one, one that makes itself.
#include <memory>
#include <stdexcept>

#include <uringcorn/uringcorn.hpp>

using namespace uringcorn;

namespace {

Task<Response> hello(Request& request) {
  co_return Response::text(fmt::format("Hello, {}!", request.query("name").value_or("world")));
}

void site(App& app) {
  app.get("/", hello);
}

void admin(App& app) {
  app.get("/", [](const Request&) { return Response::text("admin"); });
}

class OwnApplication final : public Application {
 public:
  Task<Response> handle(Request&) override { co_return Response::text("own"); }
};

std::unique_ptr<Application> own() {
  return std::make_unique<OwnApplication>();
}

void failing(App&) {
  throw std::runtime_error("no such database");
}

void failing_oddly(App&) {
  throw 42;
}

std::unique_ptr<Application> nothing() {
  return nullptr;
}

}  // namespace

URINGCORN_APP(site)
URINGCORN_NAMED_APP(admin, admin)
URINGCORN_NAMED_APP(own, own)
URINGCORN_NAMED_APP(failing, failing)
URINGCORN_NAMED_APP(failing_oddly, failing_oddly)
URINGCORN_NAMED_APP(nothing, nothing)
URINGCORN_NAMED_APP(lambda, [](App& app) {
  app.get("/", [](const Request&) { return Response::text("lambda"); });
})
