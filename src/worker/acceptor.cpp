// SPDX-License-Identifier: MIT
#include "worker/acceptor.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <uringcorn/time.hpp>

#include "observe/log.hpp"
#include "reactor/operation.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::worker {
namespace {

using namespace std::chrono_literals;

constexpr auto k_step_back_time = 1ms;
/// The pause after an error of the whole system (no descriptors, no memory).
constexpr auto k_system_error_pause = 100ms;
/// How long an empty accept queue is watched before it is taken to be empty.
constexpr auto k_queue_empty_after = 2ms;
/// The same for a socket of this worker alone: a handshake takes a round trip, and a second more
/// for each packet that is lost. And how long the watch may take altogether.
constexpr auto k_own_queue_empty_after = 1s;
constexpr auto k_own_queue_watched_for = 3s;
/// How long a client may take for its request before it is taken for a slow one.
constexpr auto k_time_to_speak = 5ms;

bool is_of_one_connection(int error) noexcept {
  return error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
         error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
         error == EOPNOTSUPP || error == ENETUNREACH || error == EINTR;
}

}  // namespace

Task<bool> ConnectionCap::wait_for_room() {
  room_.reset();
  const bool has_room = co_await room_.wait();
  co_return has_room;
}

Task<void> Door::pass() {
  co_await opened_.wait();
}

Task<void> Door::wait_until_closed() {
  co_await closed_.wait();
}

Task<void> Door::let_speak(std::size_t connections) {
  closed_.reset();
  const auto time = std::chrono::duration_cast<Clock::duration>(k_time_to_speak) /
                    static_cast<Clock::rep>(std::max<std::size_t>(connections, 1));
  try {
    co_await with_timeout(time, wait_until_closed());
  } catch (const DeadlineExceeded&) {
  }
}

Task<Acceptor::Accepted> Acceptor::accept_one() {
  reactor::Accept accept(listener_);
  waiting_ = &accept;
  reactor::FdResult result = co_await accept;
  waiting_ = nullptr;
  co_return Accepted{std::move(result.fd), net::Peer::of(accept.peer()), result.error};
}

/// An accept that waits although the queue is not empty is begun anew, which finds what is there.
void Acceptor::on_timer() noexcept {
  arm(Clock::now() + k_look_interval);
  pollfd queue{listener_, POLLIN, 0};
  if (waiting_ != nullptr && ::poll(&queue, 1, 0) == 1) {
    waiting_->cancel();
  }
}

void Acceptor::step_back() noexcept {
  if (waiting_ != nullptr) {
    waiting_->cancel();
  }
}

Task<void> Acceptor::run() {
  CancelScope& scope = co_await current_scope();
  arm(Clock::now() + k_look_interval);
  while (!scope.cancelled()) {
    if (cap_.reached()) {
      co_await wait_at_cap();
      continue;
    }
    if (door_ != nullptr) {
      co_await door_->pass();
    }
    Accepted accepted = co_await accept_one();
    if (accepted.error == 0) {
      serve_(std::move(accepted.socket), accepted.peer);
      if (door_ != nullptr) {
        co_await door_->let_speak(cap_.open());
      } else if (gate_.step_back()) {
        co_await sleep_for(k_step_back_time);
      }
      continue;
    }
    const bool go_on = co_await recover(accepted.error);
    if (!go_on) {
      break;
    }
  }
  disarm();
}

Task<void> Acceptor::wait_at_cap() {
  if (!std::exchange(told_of_cap_, true)) {
    observe::warning(
        "{} connections are open, the limit of this worker: others wait in the queue of {} until"
        " some close (--worker-connections, or the limit of open files: ulimit -n)",
        cap_.limit(), name_);
  }
  co_await cap_.wait_for_room();
}

/// After a failed accept: false means that the listener is of no more use here.
Task<bool> Acceptor::recover(int error) {
  if (error == ECANCELED || is_of_one_connection(error)) {
    co_return true;
  }
  if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
    observe::warning("cannot accept a connection on {}: {}; trying again in {} ms", name_,
                     std::strerror(error), k_system_error_pause / 1ms);
    co_await sleep_for(k_system_error_pause);
    co_return true;
  }
  if (error == EINVAL) {
    co_return false;  // The arbiter refuses connections to a Unix socket, and the queue is empty.
  }
  observe::error("cannot accept connections on {} any more: {}", name_, std::strerror(error));
  co_return false;
}

Task<void> Acceptor::empty_queue() {
  disarm();
  const std::chrono::milliseconds quiet =
      is_shared_ ? k_queue_empty_after : k_own_queue_empty_after;
  const auto begun = Clock::now();
  while (is_shared_ || Clock::now() < begun + k_own_queue_watched_for) {
    Accepted accepted = co_await with_timeout(quiet, accept_one());
    if (accepted.error != 0) {
      break;
    }
    serve_(std::move(accepted.socket), accepted.peer);
  }
  reactor::Reactor::current().close(UniqueFd(listener_));
}

}  // namespace uringcorn::worker
