// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "base/unique_fd.hpp"

namespace uringcorn {

/// A connection of a test: what it tests has one end, and it has the other.
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
  SocketPair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    ours.reset(fds[0]);
    theirs.reset(fds[1]);
  }
  void write(std::string_view bytes) const {
    REQUIRE(::write(theirs.get(), bytes.data(), bytes.size()) ==
            static_cast<ssize_t>(bytes.size()));
  }
};

}  // namespace uringcorn
