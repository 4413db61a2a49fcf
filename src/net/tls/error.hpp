// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace uringcorn::net::tls {

/// TLS cannot be had as it is set up. `what()` is one sentence without the program's name: the
/// file, the cause and what to do.
class TlsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace uringcorn::net::tls
