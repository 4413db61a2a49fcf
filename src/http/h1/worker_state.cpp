// SPDX-License-Identifier: MIT
#include "http/h1/worker_state.hpp"

#include <utility>

#include "http/h1/exchange.hpp"

namespace uringcorn::http::h1 {

WorkerState::WorkerState(const settings::Settings& settings)
    : head_limits_(HeadLimits::of(settings)) {
  if (!settings.server_header.empty()) {
    server_line_ = "Server: " + settings.server_header + "\r\n";
  }
}

WorkerState::~WorkerState() = default;

WorkerState& WorkerState::of(ServerContext& context) {
  if (!context.h1) {
    context.h1 = std::make_shared<WorkerState>(context.settings);
  }
  return *context.h1;
}

std::unique_ptr<Exchange> WorkerState::lease() {
  return spare_.lease(*this);
}

void WorkerState::give_back(std::unique_ptr<Exchange> exchange) noexcept {
  spare_.give_back(std::move(exchange));
}

}  // namespace uringcorn::http::h1
