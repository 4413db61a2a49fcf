// SPDX-License-Identifier: MIT
#include "app/shutdown.hpp"

#include <atomic>

namespace uringcorn {
namespace {

constinit std::atomic<const observe::Scoreboard*> g_scoreboard = nullptr;

}  // namespace

bool shutting_down() noexcept {
  const observe::Scoreboard* const scoreboard = g_scoreboard.load(std::memory_order_acquire);
  return scoreboard != nullptr && scoreboard->shutting_down();
}

void app::set_shutdown_notice(const observe::Scoreboard& scoreboard) noexcept {
  g_scoreboard.store(&scoreboard, std::memory_order_release);
}

}  // namespace uringcorn
