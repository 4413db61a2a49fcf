// SPDX-License-Identifier: MIT
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>

#include "base/unique_fd.hpp"
#include "reactor/backend.hpp"
#include "reactor/operation.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

/// Operations by io_uring (Linux 6.1 or later): one ring, one ring of provided buffers, one
/// io_uring_enter a turn. The ring serves only the thread that made it.
class UringBackend final : public Backend, private BufferPool::Owner {
 public:
  /// Throws std::system_error.
  UringBackend(Reactor& reactor, const Reactor::Options& options);
  ~UringBackend() override;

  void start(Operation& operation) noexcept override;
  void cancel(Operation& operation) noexcept override;
  void wait(Clock::duration wait) noexcept override;
  bool submit() noexcept override;
  int completions_fd() override;
  void forget(int fd) noexcept override;

 private:
  void make_buffer_ring(const Reactor::Options& options);
  void buffer_returned(std::uint16_t id) noexcept override;
  io_uring_sqe& next_sqe() noexcept;
  void prepare(Operation& operation) noexcept;
  void prepare_again(Operation& operation) noexcept;
  void handle(const io_uring_cqe& cqe) noexcept;
  void handle_no_buffer(Operation& operation) noexcept;

  io_uring ring_{};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  std::size_t buffer_ring_bytes_ = 0;
  std::uint16_t lent_ = 0;
  UniqueFd completions_;  ///< counts completions for a foreign loop, if there is one
  /// Receives that found no buffer; one goes on with each buffer that comes back.
  QueueHook starved_;
};

}  // namespace uringcorn::reactor
