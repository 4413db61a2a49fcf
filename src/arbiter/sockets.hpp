// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arbiter/clock.hpp"
#include "arbiter/plan.hpp"

namespace uringcorn::arbiter {

/// All listening sockets of this process. A socket that several plans ask for is one socket; it
/// closes when the last plan with it is gone.
class Sockets {
 public:
  /// An address in use is tried again so often, and so long after the last time: who holds it may
  /// be about to leave.
  static constexpr int k_retries = 5;
  static constexpr Duration k_retry_pause = std::chrono::seconds(1);

  /// Waits for at most the given time. False: stop trying.
  using Wait = std::function<bool(Duration)>;

  /// The sockets of `settings.listeners`, in that order, made where they are not there already.
  /// `wait` is called between two tries for an address in use; without it there is only one try.
  /// Throws net::AddressError or net::ListenError, and then has changed nothing.
  std::vector<SharedListener> listen(const settings::Settings& settings,
                                     reactor::BackendKind backend, const Wait& wait);

  /// In a child: closes those that `plan` has no use for.
  void close_in_child(const Plan& plan) noexcept;

 private:
  SharedListener find(const std::string& bind) const;

  std::vector<std::pair<std::string, std::weak_ptr<net::Listener>>> known_;
};

}  // namespace uringcorn::arbiter
