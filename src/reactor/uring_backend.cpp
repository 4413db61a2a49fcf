// SPDX-License-Identifier: MIT
#include "reactor/uring_backend.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "base/fatal.hpp"

namespace uringcorn::reactor {
namespace {

constexpr unsigned k_completion_entries_per_submission = 4;
constexpr std::uint16_t k_buffer_group = 0;
/// What Operation::backend_state_ says here.
enum : std::uint8_t { k_submitted = 0, k_parked = 1, k_awaiting_listener = 2 };

int make_ring(unsigned entries, io_uring& ring) noexcept {
  constexpr unsigned k_common =
      IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER;
  int result = -EINVAL;
  for (const unsigned task_run : {IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_COOP_TASKRUN}) {
    io_uring_params params{};
    params.flags = k_common | task_run;
    params.cq_entries = entries * k_completion_entries_per_submission;
    result = io_uring_queue_init_params(entries, &ring, &params);
    if (result != -EINVAL) {
      break;
    }
  }
  return result;
}

/// Linux 6.1 is the first with DEFER_TASKRUN, and with receives from buffer rings that are sound.
bool kernel_is_too_old() noexcept {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) {
    return false;
  }
  return major < 6 || (major == 6 && minor < 1);
}

int io_uring_disabled_sysctl() noexcept {
  int value = 0;
  if (std::FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re")) {
    if (std::fscanf(file, "%d", &value) != 1) {
      value = 0;
    }
    std::fclose(file);
  }
  return value;
}

std::string describe_refusal(int error) {
  switch (error) {
    case EPERM:
      if (io_uring_disabled_sysctl() != 0) {
        return "io_uring is forbidden by the sysctl kernel.io_uring_disabled (EPERM); set it to 0 "
               "to"
               " allow it";
      }
      return "io_uring is forbidden by a seccomp filter (EPERM), as in Docker's default profile;"
             " allow io_uring_setup, io_uring_enter and io_uring_register in the profile"
             " (docker run --security-opt seccomp=PROFILE.json)";
    case ENOSYS:
      return "this kernel was built without io_uring (ENOSYS); use one with CONFIG_IO_URING";
    case ENOMEM:
      return "io_uring may not lock enough memory (ENOMEM); raise the memlock limit (ulimit -l)";
    default:
      return std::string("io_uring_setup failed: ") + std::strerror(error);
  }
}

}  // namespace

std::optional<std::string> io_uring_obstacle() {
  if (kernel_is_too_old()) {
    utsname name{};
    ::uname(&name);
    return std::string("io_uring needs Linux 6.1 or later, this is ") + name.release;
  }
  io_uring ring{};
  const int result = make_ring(8, ring);
  if (result < 0) {
    return describe_refusal(-result);
  }
  io_uring_queue_exit(&ring);
  return std::nullopt;
}

UringBackend::UringBackend(Reactor& reactor, const Reactor::Options& options) : Backend(reactor) {
  const int result = make_ring(options.queue_entries, ring_);
  if (result < 0) {
    throw std::system_error(-result, std::generic_category(), "io_uring_setup");
  }
  // Saves the look-up of the ring's file at each enter; the ring works without it.
  io_uring_register_ring_fd(&ring_);
  try {
    make_buffer_ring(options);
  } catch (...) {
    io_uring_queue_exit(&ring_);
    throw;
  }
}

UringBackend::~UringBackend() {
  io_uring_queue_exit(&ring_);
  ::munmap(buffer_ring_, buffer_ring_bytes_);
}

void UringBackend::make_buffer_ring(const Reactor::Options& options) {
  buffers_ = std::make_unique<BufferPool>(options.buffer_count, options.buffer_size,
                                          static_cast<BufferPool::Owner&>(*this));
  buffer_ring_bytes_ = options.buffer_count * sizeof(io_uring_buf);
  void* memory = ::mmap(nullptr, buffer_ring_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = options.buffer_count;
  registration.bgid = k_buffer_group;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) {
    ::munmap(memory, buffer_ring_bytes_);
    throw std::system_error(-result, std::generic_category(), "io_uring_register_buf_ring");
  }
  io_uring_buf_ring_init(buffer_ring_);
  lent_ = options.buffer_count;
  for (std::uint16_t id = 0; id < options.buffer_count; id++) {
    buffer_returned(id);
  }
}

void UringBackend::buffer_returned(std::uint16_t id) noexcept {
  io_uring_buf_ring_add(buffer_ring_, buffers_->data(id), static_cast<unsigned>(buffers_->size()),
                        id, io_uring_buf_ring_mask(buffers_->count()), 0);
  io_uring_buf_ring_advance(buffer_ring_, 1);
  lent_--;
  if (starved_.linked()) {
    auto& hook = static_cast<QueueHook&>(*starved_.next);
    hook.unlink();
    prepare(static_cast<Operation&>(hook));
  }
}

io_uring_sqe& UringBackend::next_sqe() noexcept {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    counters().enters++;
    const int result = io_uring_submit(&ring_);
    if (result < 0 && result != -EAGAIN && result != -EBUSY && result != -EINTR) {
      fatal("io_uring_submit failed");
    }
    sqe = io_uring_get_sqe(&ring_);
  }
  return *sqe;
}

void UringBackend::start(Operation& operation) noexcept {
  prepare(operation);
}

void UringBackend::prepare(Operation& operation) noexcept {
  io_uring_sqe* sqe = &next_sqe();
  switch (operation.kind_) {
    case Operation::Kind::accept:
      if (operation.backend_state_ == k_awaiting_listener) {
        io_uring_prep_poll_add(sqe, operation.fd_, POLLIN);
        break;
      }
      io_uring_prep_accept(sqe, operation.fd_, static_cast<sockaddr*>(operation.address_),
                           &operation.flags_, SOCK_CLOEXEC);
      break;
    case Operation::Kind::receive:
      io_uring_prep_recv(sqe, operation.fd_, nullptr, 0, 0);
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = k_buffer_group;
      if (std::exchange(operation.flags_, 0) != Operation::k_bytes_expected) {
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
      }
      operation.backend_state_ = k_submitted;
      break;
    case Operation::Kind::send:
      io_uring_prep_send(sqe, operation.fd_, operation.address_, operation.length_, MSG_NOSIGNAL);
      break;
    case Operation::Kind::connect:
      io_uring_prep_connect(sqe, operation.fd_, static_cast<const sockaddr*>(operation.address_),
                            static_cast<socklen_t>(operation.length_));
      break;
    case Operation::Kind::poll:
      io_uring_prep_poll_add(sqe, operation.fd_, operation.flags_);
      break;
    case Operation::Kind::read:
      io_uring_prep_read(sqe, operation.fd_, operation.address_,
                         static_cast<unsigned>(std::min<std::size_t>(operation.length_, 1U << 30)),
                         operation.offset_);
      break;
  }
  io_uring_sqe_set_data(sqe, &operation);
}

/// A cancel may have come too late for the kernel to find the operation between two attempts.
void UringBackend::prepare_again(Operation& operation) noexcept {
  if (operation.cancel_requested_) {
    complete(operation, -ECANCELED);
    return;
  }
  prepare(operation);
}

void UringBackend::cancel(Operation& operation) noexcept {
  if (operation.kind_ == Operation::Kind::receive && operation.backend_state_ == k_parked) {
    complete(operation, -ECANCELED);
    return;
  }
  io_uring_sqe* sqe = &next_sqe();
  io_uring_prep_cancel(sqe, &operation, 0);
  // The target's own completion is what counts; this one is known by its null user_data.
  io_uring_sqe_set_data(sqe, nullptr);
}

bool UringBackend::submit() noexcept {
  counters().enters++;
  const int result = io_uring_submit(&ring_);
  if (result < 0 && result != -EAGAIN && result != -EBUSY && result != -EINTR) {
    fatal("io_uring_submit failed");
  }
  return result < 0 || io_uring_cq_ready(&ring_) > 0;
}

/// The descriptor of a ring with DEFER_TASKRUN is readable only once its thread has entered the
/// kernel, which one that waits elsewhere does not: an eventfd is told in any case.
int UringBackend::completions_fd() {
  if (!completions_) {
    completions_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const int result =
        completions_ ? io_uring_register_eventfd(&ring_, completions_.get()) : -errno;
    if (result < 0) {
      throw std::system_error(-result, std::generic_category(), "io_uring_register_eventfd");
    }
  }
  return completions_.get();
}

void UringBackend::wait(Clock::duration wait) noexcept {
  counters().enters++;
  if (completions_) {
    // Before the completions are taken: those that come after that make it readable again.
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(completions_.get(), &count, sizeof count);
  }
  int result = 0;
  if (wait <= Clock::duration::zero()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    const auto nanoseconds = std::chrono::nanoseconds(wait).count();
    __kernel_timespec timeout{};
    timeout.tv_sec = nanoseconds / 1'000'000'000;
    timeout.tv_nsec = nanoseconds % 1'000'000'000;
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }
  if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY) {
    fatal("io_uring_enter failed");
  }
  if (io_uring_cq_has_overflow(&ring_)) {
    counters().cq_overflow++;
  }
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    handle(*cqe);
    count++;
  }
  io_uring_cq_advance(&ring_, count);
}

void UringBackend::handle(const io_uring_cqe& cqe) noexcept {
  auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(&cqe));
  if (operation == nullptr) {
    return;
  }
  if (operation->kind_ == Operation::Kind::receive) {
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
      operation->buffer_id_ = static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
      lent_++;
    } else if (cqe.res == -ENOBUFS) {
      handle_no_buffer(*operation);
      return;
    }
  } else if (operation->kind_ == Operation::Kind::accept) {
    // A listener with O_NONBLOCK (an inherited one) answers EAGAIN instead of waiting.
    const bool polled = operation->backend_state_ == k_awaiting_listener;
    if (cqe.res == -EAGAIN || (polled && cqe.res >= 0)) {
      operation->backend_state_ = polled ? k_submitted : k_awaiting_listener;
      prepare_again(*operation);
      return;
    }
    operation->backend_state_ = k_submitted;
  }
  complete(*operation, cqe.res);
}

void UringBackend::handle_no_buffer(Operation& operation) noexcept {
  counters().buffer_starvation++;
  // Buffers may have come back since the kernel found none; then there is no return to wait for.
  if (lent_ < buffers_->count() || operation.cancel_requested_) {
    prepare_again(operation);
    return;
  }
  operation.backend_state_ = k_parked;
  auto& hook = static_cast<QueueHook&>(operation);
  hook.unlink();
  starved_.push_back(hook);
}

void UringBackend::forget(int) noexcept {}

}  // namespace uringcorn::reactor
