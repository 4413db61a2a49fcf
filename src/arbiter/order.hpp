// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// What the arbiter tells a template process, over a socket of packets, with descriptors.
struct Order {
  enum class Kind : std::uint32_t { fork_worker, reopen_logs };
  Kind kind = Kind::fork_worker;
  std::uint32_t number = 0;  ///< of the worker
  std::uint32_t place = 0;   ///< its index on the scoreboard
};

/// As many descriptors go with one order (the kernel's own limit).
constexpr std::size_t k_order_descriptors_max = 253;

/// Never waits. Throws std::system_error when there are too many descriptors, or the other side
/// takes no orders now.
void send_order(int socket, const Order& order, std::span<const int> descriptors);

struct ReceivedOrder {
  Order order;
  std::vector<UniqueFd> descriptors;
};
/// Waits for the next order. Nothing: the other side is gone.
std::optional<ReceivedOrder> receive_order(int socket);

}  // namespace uringcorn::arbiter
