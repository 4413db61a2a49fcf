// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "base/unique_fd.hpp"
#include "reactor/backend.hpp"
#include "reactor/operation.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

/// Operations by epoll and the classic system calls, for places where io_uring is forbidden. A
/// descriptor is registered once, edge-triggered, and what is known of its readiness is kept, so
/// that a warm connection costs no epoll_ctl. Listening sockets are the exception: they are shared
/// between processes, so each accept registers with EPOLLEXCLUSIVE and takes itself off again.
class EpollBackend final : public Backend, private BufferPool::Owner {
 public:
  /// Throws std::system_error.
  EpollBackend(Reactor& reactor, const Reactor::Options& options);

  void start(Operation& operation) noexcept override;
  void cancel(Operation& operation) noexcept override;
  void wait(Clock::duration wait) noexcept override;
  bool submit() noexcept override;
  int completions_fd() override { return epoll_.get(); }
  void forget(int fd) noexcept override;

 private:
  /// What is known of one descriptor, and which operations wait on it (at most one each).
  struct Descriptor {
    Operation* reader = nullptr;  // receive, accept
    Operation* writer = nullptr;  // send, connect
    Operation* poller = nullptr;
    bool registered = false;
    bool readable = false;
    bool hung_up = false;
  };

  Descriptor& descriptor(int fd);
  Operation*& waiter_place(const Operation& operation, Descriptor& descriptor) noexcept;
  bool watch(Operation& operation, Descriptor& descriptor) noexcept;
  void try_soon(Operation& operation) noexcept;
  void attempt(Operation& operation) noexcept;
  void attempt_queued() noexcept;
  void wait_for_event(Operation& operation) noexcept;
  void handle(int fd, std::uint32_t events) noexcept;
  int receive(Operation& operation) noexcept;
  int accept(Operation& operation) noexcept;
  int connect(Operation& operation) noexcept;
  void buffer_returned(std::uint16_t id) noexcept override;

  UniqueFd epoll_;
  std::vector<Descriptor> descriptors_;
  std::vector<std::uint16_t> free_buffers_;
  /// Operations whose system call is worth an attempt in the next wait().
  QueueHook queued_;
  /// Receives on readable sockets that found no buffer.
  QueueHook starved_;
};

}  // namespace uringcorn::reactor
