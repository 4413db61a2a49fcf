// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include <uringcorn/time.hpp>

#include "reactor/buffer_pool.hpp"

namespace uringcorn::reactor {

class Operation;
class Reactor;
struct Counters;

enum class BackendKind : std::uint8_t { io_uring, epoll };

/// The way in which a reactor gets its operations done.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Begins an operation whose fields are set. It ends by exactly one complete(), never from within
  /// this call.
  virtual void start(Operation& operation) noexcept = 0;
  /// Makes an operation that was started end soon, if it has not ended.
  virtual void cancel(Operation& operation) noexcept = 0;
  /// Submits what was started, waits for a completion for at most `wait` (not at all if zero), and
  /// calls complete() for all that have come.
  virtual void wait(Clock::duration wait) noexcept = 0;
  /// Submits what was started, without waiting for anything. True: completions are there to be
  /// taken by wait().
  virtual bool submit() noexcept = 0;
  /// From now on, a descriptor is readable when wait() has something to take. Throws
  /// std::system_error.
  virtual int completions_fd() = 0;
  /// The descriptor is about to be closed; nothing is in flight on it.
  virtual void forget(int fd) noexcept = 0;

  BufferPool& buffers() noexcept { return *buffers_; }

 protected:
  explicit Backend(Reactor& reactor) noexcept : reactor_(reactor) {}

  void complete(Operation& operation, int result) noexcept;
  Counters& counters() noexcept;

  Reactor& reactor_;
  std::unique_ptr<BufferPool> buffers_;
};

}  // namespace uringcorn::reactor
