// SPDX-License-Identifier: MIT
#include "reactor/epoll_backend.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/fatal.hpp"

namespace uringcorn::reactor {
namespace {

constexpr int k_events_per_wait = 512;
/// The result of an attempt that must be repeated when the descriptor is ready.
constexpr int k_not_ready = -EAGAIN;
/// What Operation::backend_state_ says here: a connect that the kernel has begun.
enum : std::uint8_t { k_fresh = 0, k_connecting = 1 };

int result_of(ssize_t result) noexcept {
  return result < 0 ? -errno : static_cast<int>(result);
}

/// connect(2) waits unless the socket is non-blocking; it becomes so for the time of the connect.
void set_non_blocking(int fd, bool non_blocking) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, non_blocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int ready_events(int fd, std::uint32_t events) noexcept {
  pollfd item{fd, static_cast<short>(events), 0};
  const int count = ::poll(&item, 1, 0);
  if (count < 0) {
    return -errno;
  }
  return count == 0 ? k_not_ready : item.revents;
}

}  // namespace

EpollBackend::EpollBackend(Reactor& reactor, const Reactor::Options& options)
    : Backend(reactor), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }
  buffers_ = std::make_unique<BufferPool>(options.buffer_count, options.buffer_size,
                                          static_cast<BufferPool::Owner&>(*this));
  free_buffers_.reserve(options.buffer_count);
  for (std::uint16_t id = options.buffer_count; id > 0; id--) {
    free_buffers_.push_back(static_cast<std::uint16_t>(id - 1));
  }
}

EpollBackend::Descriptor& EpollBackend::descriptor(int fd) {
  assert(fd >= 0);
  const auto index = static_cast<std::size_t>(fd);
  if (index >= descriptors_.size()) {
    descriptors_.resize(std::max(index + 1, descriptors_.size() * 2));
  }
  return descriptors_[index];
}

Operation*& EpollBackend::waiter_place(const Operation& operation,
                                       Descriptor& descriptor) noexcept {
  switch (operation.kind_) {
    case Operation::Kind::send:
    case Operation::Kind::connect:
      return descriptor.writer;
    case Operation::Kind::poll:
      return descriptor.poller;
    default:
      return descriptor.reader;
  }
}

void EpollBackend::start(Operation& operation) noexcept {
  operation.backend_state_ = k_fresh;
  if (operation.kind_ == Operation::Kind::receive && !descriptor(operation.fd_).readable &&
      std::exchange(operation.flags_, 0) != Operation::k_bytes_expected) {
    wait_for_event(operation);
    return;
  }
  try_soon(operation);
}

void EpollBackend::try_soon(Operation& operation) noexcept {
  auto& hook = static_cast<QueueHook&>(operation);
  hook.unlink();
  queued_.push_back(hook);
}

/// Registers the descriptor for the operation. False: it cannot wait (a regular file), or the
/// operation has ended with the error.
bool EpollBackend::watch(Operation& operation, Descriptor& state) noexcept {
  if (state.registered) {
    return true;
  }
  epoll_event event{};
  event.data.fd = operation.fd_;
  event.events = operation.kind_ == Operation::Kind::accept
                     ? EPOLLIN | EPOLLEXCLUSIVE
                     : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, operation.fd_, &event) != 0 && errno != EEXIST) {
    return false;
  }
  state.registered = true;
  return true;
}

void EpollBackend::wait_for_event(Operation& operation) noexcept {
  Descriptor& state = descriptor(operation.fd_);
  if (!watch(operation, state)) {
    complete(operation, -errno);
    return;
  }
  waiter_place(operation, state) = &operation;
}

void EpollBackend::cancel(Operation& operation) noexcept {
  Operation*& place = waiter_place(operation, descriptor(operation.fd_));
  if (place == &operation) {
    place = nullptr;
  }
  if (operation.kind_ == Operation::Kind::accept) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, operation.fd_, nullptr);
    descriptor(operation.fd_).registered = false;
  } else if (operation.backend_state_ == k_connecting) {
    set_non_blocking(operation.fd_, false);
  }
  complete(operation, -ECANCELED);
}

void EpollBackend::attempt(Operation& operation) noexcept {
  int result = 0;
  switch (operation.kind_) {
    case Operation::Kind::accept:
      result = accept(operation);
      break;
    case Operation::Kind::receive:
      result = receive(operation);
      if (result == -ENOBUFS) {
        return;
      }
      break;
    case Operation::Kind::send:
      result = result_of(::send(operation.fd_, operation.address_, operation.length_,
                                MSG_NOSIGNAL | MSG_DONTWAIT));
      break;
    case Operation::Kind::connect:
      result = connect(operation);
      break;
    case Operation::Kind::poll:
      result = ready_events(operation.fd_, operation.flags_);
      break;
    case Operation::Kind::read:
      result = result_of(::pread(operation.fd_, operation.address_,
                                 std::min<std::size_t>(operation.length_, 1U << 30),
                                 static_cast<off_t>(operation.offset_)));
      break;
  }
  if (result == -EINTR) {
    try_soon(operation);
  } else if (result == k_not_ready) {
    wait_for_event(operation);
  } else {
    complete(operation, result);
  }
}

int EpollBackend::accept(Operation& operation) noexcept {
  const int result = result_of(::accept4(operation.fd_, static_cast<sockaddr*>(operation.address_),
                                         &operation.flags_, SOCK_CLOEXEC));
  Descriptor& state = descriptor(operation.fd_);
  if (result != k_not_ready && state.registered) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, operation.fd_, nullptr);
    state.registered = false;
  }
  return result;
}

int EpollBackend::receive(Operation& operation) noexcept {
  if (free_buffers_.empty()) {
    counters().buffer_starvation++;
    auto& hook = static_cast<QueueHook&>(operation);
    hook.unlink();
    starved_.push_back(hook);
    return -ENOBUFS;
  }
  const std::uint16_t id = free_buffers_.back();
  const int result =
      result_of(::recv(operation.fd_, buffers_->data(id), buffers_->size(), MSG_DONTWAIT));
  Descriptor& state = descriptor(operation.fd_);
  if (result == k_not_ready) {
    state.readable = false;
  } else if (result > 0) {
    free_buffers_.pop_back();
    operation.buffer_id_ = id;
    // A short read means that the socket is empty, see epoll(7); its end would be known by now.
    if (static_cast<std::size_t>(result) < buffers_->size() && !state.hung_up) {
      state.readable = false;
    }
  }
  return result;
}

int EpollBackend::connect(Operation& operation) noexcept {
  if (operation.backend_state_ == k_connecting) {
    if (ready_events(operation.fd_, POLLOUT) == k_not_ready) {
      return k_not_ready;
    }
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(operation.fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    set_non_blocking(operation.fd_, false);
    return -error;
  }
  set_non_blocking(operation.fd_, true);
  const int result =
      result_of(::connect(operation.fd_, static_cast<const sockaddr*>(operation.address_),
                          static_cast<socklen_t>(operation.length_)));
  if (result == -EINPROGRESS) {
    operation.backend_state_ = k_connecting;
    return k_not_ready;
  }
  set_non_blocking(operation.fd_, false);
  // A unix socket whose backlog is full answers EAGAIN, which must not be taken for "in progress".
  return result == -EAGAIN ? -ECONNREFUSED : result;
}

void EpollBackend::buffer_returned(std::uint16_t id) noexcept {
  free_buffers_.push_back(id);
  if (starved_.linked()) {
    try_soon(static_cast<Operation&>(static_cast<QueueHook&>(*starved_.next)));
  }
}

void EpollBackend::attempt_queued() noexcept {
  QueueHook last;
  queued_.push_back(last);
  while (queued_.next != &last) {
    auto& hook = static_cast<QueueHook&>(*queued_.next);
    hook.unlink();
    attempt(static_cast<Operation&>(hook));
  }
}

bool EpollBackend::submit() noexcept {
  const std::uint64_t completions = counters().completions;
  attempt_queued();
  return counters().completions != completions || queued_.linked();
}

void EpollBackend::wait(Clock::duration wait) noexcept {
  if (submit()) {
    wait = Clock::duration::zero();
  }
  const auto nanoseconds = std::chrono::nanoseconds(wait).count();
  const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  std::array<epoll_event, k_events_per_wait> events;
  counters().enters++;
  const int count =
      ::epoll_pwait2(epoll_.get(), events.data(), k_events_per_wait, &timeout, nullptr);
  if (count < 0 && errno != EINTR) {
    fatal("epoll_pwait2 failed");
  }
  for (int i = 0; i < count; i++) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    handle(event.data.fd, event.events);
  }
}

void EpollBackend::handle(int fd, std::uint32_t events) noexcept {
  Descriptor& state = descriptor(fd);
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (broken || (events & EPOLLRDHUP) != 0) {
    state.hung_up = true;
  }
  if (broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    state.readable = true;
    if (Operation* reader = std::exchange(state.reader, nullptr)) {
      attempt(*reader);
    }
  }
  if (broken || (events & EPOLLOUT) != 0) {
    if (Operation* writer = std::exchange(state.writer, nullptr)) {
      attempt(*writer);
    }
  }
  if (Operation* poller = std::exchange(state.poller, nullptr)) {
    attempt(*poller);
  }
}

void EpollBackend::forget(int fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (index < descriptors_.size()) {
    descriptors_[index] = Descriptor{};
  }
}

}  // namespace uringcorn::reactor
