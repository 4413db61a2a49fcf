// SPDX-License-Identifier: MIT
// Applications that never come up, for tests of the server around them: `libhttpbin.so:failing`.
#include <unistd.h>

#include <stdexcept>

#include <uringcorn/uringcorn.hpp>

namespace {

using namespace uringcorn;

void failing(App&) {
  throw std::runtime_error("failing, as it was asked to");
}

void failing_startup(App& app) {
  app.on_startup([]() -> Task<void> {
    throw std::runtime_error("failing at startup, as it was asked to");
    co_return;
  });
}

/// Blocks its process, so that not even the heartbeat beats.
void hanging(App&) {
  for (;;) {
    ::pause();
  }
}

}  // namespace

URINGCORN_NAMED_APP(failing, failing)
URINGCORN_NAMED_APP(failing_startup, failing_startup)
URINGCORN_NAMED_APP(hanging, hanging)
