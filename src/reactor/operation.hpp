// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <uringcorn/cancel.hpp>

#include "base/unique_fd.hpp"
#include "reactor/buffer_pool.hpp"

namespace uringcorn::reactor {

class Reactor;
class Operation;

/// Is told of the end of an operation that no coroutine awaits. Called from the reactor's loop,
/// never from within the call that started the operation.
class CompletionListener {
 public:
  virtual void operation_completed(Operation& operation) = 0;

 protected:
  ~CompletionListener() = default;
};

/// Where an operation stands in a queue: of those that are ready, or of those that a backend holds.
struct QueueHook : detail::ListHook {};

/// One asynchronous system call: its arguments, its result and who waits for it. It lives where it
/// is used (a coroutine frame, a connection), is never copied or moved, and can be used again after
/// its result was taken.
///
///     reactor::Accept accept(listener);
///     reactor::FdResult result = co_await accept;
///
/// A co_await starts an idle operation in the scope of the coroutine, waits for one in flight
/// (which belongs to that scope from then on), and takes the result of one that is done. Results
/// are values, or a negated errno. Cancellation of the scope makes it end soon, usually with
/// -ECANCELED, sometimes with the result that came first.
///
/// Destroying an operation in flight aborts the process: the kernel would write into freed memory.
/// Cancel it (by its scope, or cancel()) and await it; that is the only way out.
///
/// Not thread-safe: it belongs to the thread of its reactor.
class Operation : private CancelWaiter, private QueueHook {
 public:
  enum class Kind : std::uint8_t { accept, receive, send, connect, poll, read };
  enum class State : std::uint8_t { idle, in_flight, done };

  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  State state() const noexcept { return state_; }
  bool in_flight() const noexcept { return state_ == State::in_flight; }
  /// The result of an operation that is done, left for the one who takes it.
  int peek_result() const noexcept { return result_; }

  /// Starts the operation without waiting for it. A null `scope` is never cancelled. In a cancelled
  /// scope the operation is done at once with -ECANCELED (and a listener is told from the loop).
  void start(CancelScope* scope, CompletionListener* listener = nullptr) noexcept;
  /// Asks an operation in flight to end. Does nothing to another.
  void cancel() noexcept;
  /// Sets or, by null, removes who is told of the end of the operation in flight.
  void set_listener(CompletionListener* listener) noexcept { listener_ = listener; }

  bool await_ready() const noexcept { return state_ == State::done; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    if (state_ == State::idle) {
      start(awaiting.promise().scope);
      if (state_ == State::done) {
        return false;
      }
    } else {
      move_to(awaiting.promise().scope);
    }
    listener_ = nullptr;
    waiter_ = awaiting;
    return true;
  }

 protected:
  static constexpr std::uint32_t k_bytes_expected = 1;

  Operation(Kind kind, int fd) noexcept : kind_(kind), fd_(fd) {}
  ~Operation() override;

  /// Makes the operation idle again and gives its result, a value or a negated errno.
  int take_result() noexcept {
    state_ = State::idle;
    return result_;
  }

  const Kind kind_;
  State state_ = State::idle;
  bool cancel_requested_ = false;
  /// What a backend remembers between start and completion.
  std::uint8_t backend_state_ = 0;
  std::uint16_t buffer_id_ = BufferPool::k_no_buffer;
  int fd_;
  int result_ = 0;
  /// poll: the events; accept: the length of the address; receive: whether bytes are expected.
  std::uint32_t flags_ = 0;
  void* address_ = nullptr;
  std::size_t length_ = 0;
  std::uint64_t offset_ = 0;

 private:
  friend class Reactor;
  friend class Backend;
  friend class UringBackend;
  friend class EpollBackend;

  void on_cancel() noexcept override { cancel(); }
  /// Makes the operation in flight one of `scope`.
  void move_to(CancelScope* scope) noexcept {
    watch(scope);
    if (scope != nullptr && scope->cancelled()) {
      cancel();
    }
  }

  std::coroutine_handle<> waiter_;
  CompletionListener* listener_ = nullptr;
};

/// A descriptor, or an errno.
struct FdResult {
  UniqueFd fd;
  int error = 0;
};

/// A count, or an errno.
struct CountResult {
  std::size_t count = 0;
  int error = 0;
};

/// Bytes in a buffer that the reactor lends, or an errno. No bytes and no error: the end of stream.
struct BufferResult {
  Buffer buffer;
  int error = 0;
};

inline CountResult count_result(int result) noexcept {
  return result < 0 ? CountResult{0, -result} : CountResult{static_cast<std::size_t>(result), 0};
}

/// Takes one connection from a listening socket (SOCK_CLOEXEC). Single-shot: FIFO among processes
/// that share the socket.
class Accept final : public Operation {
 public:
  explicit Accept(int listener) noexcept : Operation(Kind::accept, listener) {
    address_ = &peer_;
    flags_ = sizeof peer_;
  }
  /// An accepted connection that nobody took is closed.
  ~Accept() override;
  FdResult await_resume() noexcept;
  /// Who is at the other end of the connection that was taken.
  const sockaddr_storage& peer() const noexcept { return peer_; }

 private:
  sockaddr_storage peer_{};
};

/// Receives what has come, into a buffer that is lent only when there are bytes to put into it.
class Receive final : public Operation {
 public:
  explicit Receive(int socket) noexcept : Operation(Kind::receive, socket) {}
  /// Bytes are likely to be there already: the next attempt does not wait for them first.
  void expect_bytes() noexcept { flags_ = k_bytes_expected; }
  /// A buffer that nobody took goes back to the pool.
  ~Receive() override;
  BufferResult await_resume() noexcept;
};

/// Sends some of `bytes` (at least one), which must stay until the end. EPIPE, never SIGPIPE.
class Send final : public Operation {
 public:
  Send(int socket, std::string_view bytes) noexcept : Operation(Kind::send, socket) { set(bytes); }
  void set(std::string_view bytes) noexcept {
    address_ = const_cast<char*>(bytes.data());
    length_ = bytes.size();
  }
  CountResult await_resume() noexcept { return count_result(take_result()); }
};

/// Connects a stream socket. `address` is kept by the caller until the end.
class Connect final : public Operation {
 public:
  Connect(int socket, const sockaddr* address, socklen_t length) noexcept
      : Operation(Kind::connect, socket) {
    address_ = const_cast<sockaddr*>(address);
    length_ = length;
  }
  /// 0 or an errno.
  int await_resume() noexcept { return -take_result(); }
};

/// Waits until a descriptor is ready for one of `events` (POLLIN, POLLOUT, ...; see poll(2)).
class Poll final : public Operation {
 public:
  Poll(int fd, std::uint32_t events) noexcept : Operation(Kind::poll, fd) { flags_ = events; }
  /// Aims an idle operation at another descriptor.
  void set(int fd, std::uint32_t events) noexcept {
    fd_ = fd;
    flags_ = events;
  }
  /// The ready events, or a negated errno.
  int await_resume() noexcept { return take_result(); }
};

/// Reads from a regular file at `offset` into memory that must stay until the end. On the epoll
/// backend this blocks the thread for as long as the disk takes.
class Read final : public Operation {
 public:
  Read(int file, std::span<std::byte> into, std::uint64_t offset) noexcept
      : Operation(Kind::read, file) {
    address_ = into.data();
    length_ = into.size();
    offset_ = offset;
  }
  CountResult await_resume() noexcept { return count_result(take_result()); }
};

}  // namespace uringcorn::reactor
