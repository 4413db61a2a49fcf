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
  spare_.reserve(k_spare_exchanges_max);
}

WorkerState::~WorkerState() = default;

WorkerState& WorkerState::of(ServerContext& context) {
  if (!context.h1) {
    context.h1 = std::make_shared<WorkerState>(context.settings);
  }
  return *context.h1;
}

std::unique_ptr<Exchange> WorkerState::lease() {
  if (spare_.empty()) {
    return std::make_unique<Exchange>(*this);
  }
  std::unique_ptr<Exchange> exchange = std::move(spare_.back());
  spare_.pop_back();
  return exchange;
}

void WorkerState::give_back(std::unique_ptr<Exchange> exchange) noexcept {
  if (spare_.size() < k_spare_exchanges_max) {
    spare_.push_back(std::move(exchange));
  }
}

}  // namespace uringcorn::http::h1
