// SPDX-License-Identifier: MIT
// Applications that never come up, and one that tells of its life: for tests of the server around
// them. `libhttpbin.so:failing` and so on.
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <vector>

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

void tell(const char* line) {
  std::fprintf(stderr, "%s\n", line);
}

struct Told {
  ~Told() { tell("the state is destroyed"); }
};

Task<void> tell_of_background_task() {
  try {
    tell("the background task begins");
    co_await sleep_for(std::chrono::hours(1));
  } catch (const Cancelled&) {
    tell("the background task is cancelled");
    throw;
  }
}

void telling(App& app) {
  app.emplace_state<Told>();
  app.on_startup([]() -> Task<void> {
    tell("the startup hook runs");
    spawn(tell_of_background_task());
    co_return;
  });
  app.on_shutdown([]() -> Task<void> {
    co_await sleep_for(std::chrono::milliseconds(1));
    tell("the shutdown hook runs");
  });
  app.get("/", [](const Request&) { return Response::text("told\n"); });
}

/// Has made a large table by the time it is loaded.
void weighty(App& app) {
  constexpr std::size_t k_numbers = std::size_t{64} << 20 >> 3;
  auto& table = app.emplace_state<std::vector<std::uint64_t>>(k_numbers);
  std::iota(table.begin(), table.end(), 1);
  app.get("/", [&table](const Request&) {
    return Response::text(fmt::format("{} numbers\n", table.back()));
  });
}

}  // namespace

URINGCORN_NAMED_APP(failing, failing)
URINGCORN_NAMED_APP(failing_startup, failing_startup)
URINGCORN_NAMED_APP(hanging, hanging)
URINGCORN_NAMED_APP(telling, telling)
URINGCORN_NAMED_APP(weighty, weighty)
