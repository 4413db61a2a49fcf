// SPDX-License-Identifier: MIT
// A port of the well-known httpbin: it answers with what it was asked, in many ways. Tests and
// benches of the server run against it.
#include "httpbin.hpp"

#include <stdlib.h>

#include <string_view>

namespace {

bool is_unsafe_allowed() {
  const char* const value = ::getenv("HTTPBIN_UNSAFE");
  return value != nullptr && std::string_view(value) == "1";
}

void httpbin_app(uringcorn::App& app) {
  httpbin::add_inspection(app);
  httpbin::add_statuses(app);
  httpbin::add_caching(app);
  httpbin::add_cookies(app);
  httpbin::add_formats(app);
  httpbin::add_streams(app);
  httpbin::add_serving(app);
  httpbin::add_blocking(app);
  httpbin::add_websockets(app);
  if (is_unsafe_allowed()) {
    httpbin::add_unsafe(app);
  }
}

}  // namespace

URINGCORN_APP(httpbin_app)
