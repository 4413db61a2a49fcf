// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arbiter/bound_address.hpp"
#include "base/unique_fd.hpp"
#include "reactor/backend.hpp"

namespace uringcorn::arbiter {

/// What an arbiter leaves to the one that it starts in its own place, as environment variables and
/// inherited descriptors.
struct Handover {
  pid_t predecessor = 0;
  reactor::BackendKind backend = reactor::BackendKind::io_uring;
  std::vector<HandedSocket> sockets;
  UniqueFd ticket_keys;  ///< for net::tls::TicketKeys; none if there were none
};

/// What the old arbiter has to hand over. It stays the owner.
struct Estate {
  reactor::BackendKind backend = reactor::BackendKind::io_uring;
  std::vector<std::shared_ptr<BoundAddress>> sockets;
  int ticket_keys = -1;  ///< a descriptor; -1: none
};

/// In the new process: takes it out of the environment; nothing if there is none. Throws
/// std::runtime_error with a sentence when it makes no sense.
std::optional<Handover> take_handover();

/// The variables, NAME=VALUE, that take_handover() reads.
std::vector<std::string> handover_variables(pid_t predecessor, const Estate& estate);

/// Whether the variable, NAME=VALUE, is one of them.
bool is_handover_variable(std::string_view variable);

/// In the process that is about to execute the new program: lets the descriptors pass.
void keep_descriptors(const Estate& estate) noexcept;

}  // namespace uringcorn::arbiter
