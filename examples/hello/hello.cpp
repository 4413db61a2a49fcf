// SPDX-License-Identifier: MIT
#include <uringcorn/uringcorn.hpp>
using namespace uringcorn;

Task<Response> hello(Request& request) {
  co_return Response::text(fmt::format("Hello, {}!\n", request.query("name").value_or("world")));
}

void site(App& app) {
  app.get("/", hello);
}
URINGCORN_APP(site)
