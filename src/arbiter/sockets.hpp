// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arbiter/bound_address.hpp"
#include "arbiter/clock.hpp"
#include "arbiter/identity.hpp"
#include "arbiter/plan.hpp"

namespace uringcorn::arbiter {

/// All listening sockets of this process. An address that several plans ask for is bound once; it
/// closes when the last plan with it is gone.
class Sockets {
 public:
  /// An address in use is tried again so often, and so long after the last time: who holds it may
  /// be about to leave.
  static constexpr int k_retries = 5;
  static constexpr Duration k_retry_pause = std::chrono::seconds(1);

  /// Waits for at most the given time. False: stop trying.
  using Wait = std::function<bool(Duration)>;

  /// Sockets of another process, for the first listen() that asks for their addresses.
  void take(std::vector<HandedSocket> handed) { handed_ = std::move(handed); }

  /// The addresses of `settings.listeners`, in that order, bound where they are not already. Files
  /// of Unix sockets are given to `identity`. `wait` is called between two tries for an address in
  /// use; without it there is only one try. Throws net::AddressError or net::ListenError, and then
  /// has changed nothing.
  std::vector<std::shared_ptr<BoundAddress>> listen(const settings::Settings& settings,
                                                    const Identity& identity,
                                                    reactor::BackendKind backend, const Wait& wait);

  /// See BoundAddress::steer().
  void steer(std::span<const unsigned> numbers) const noexcept;
  /// See BoundAddress::set_backlog().
  void set_backlog(int backlog) noexcept;
  /// All that are in use now.
  std::vector<std::shared_ptr<BoundAddress>> all() const;

  /// Nobody can connect any more; see net::Listener. True: some may be on their way still.
  bool refuse_connections() noexcept;
  /// Leaves those sockets to the workers, who close them when they have emptied them.
  void close_given_up() noexcept;

  /// In the child that is worker `number` of `plan`: closes what it has no use for.
  void close_in_child(const Plan& plan, unsigned number) noexcept;

 private:
  std::shared_ptr<BoundAddress> find(const std::string& bind) const;
  std::vector<HandedSocket> handed_for(const std::string& bind);

  std::vector<std::weak_ptr<BoundAddress>> known_;
  std::vector<HandedSocket> handed_;
};

/// How long clients may take for the last packet of a handshake that was begun before an address
/// was refused to new ones.
constexpr Duration k_handshakes_end_within = std::chrono::milliseconds(100);

/// As Sockets::refuse_connections() and close_given_up(), for what `old` has and `next` has not.
bool give_up_addresses(const Plan& old, const Plan& next) noexcept;
void close_given_up(const Plan& old, const Plan& next) noexcept;

}  // namespace uringcorn::arbiter
