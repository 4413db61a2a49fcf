// SPDX-License-Identifier: MIT
#include "reactor/reactor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "coro/strand.hpp"
#include "reactor/epoll_backend.hpp"
#include "reactor/uring_backend.hpp"

namespace uringcorn {
namespace reactor {

namespace {

/// Coroutines that go on in one turn; more than these cost an allocation the first time.
constexpr std::size_t k_expected_resumptions = 64;
/// A timer that is noticed so much later than it was due: this process was stopped, or starved.
constexpr Clock::duration k_late = std::chrono::milliseconds(10);

}  // namespace

constinit thread_local Reactor* Reactor::t_current = nullptr;

void Backend::complete(Operation& operation, int result) noexcept {
  reactor_.complete(operation, result);
}

Counters& Backend::counters() noexcept {
  return reactor_.counters_;
}

Reactor::Reactor(const Options& options)
    : kind_(options.backend), now_(Clock::now()), timers_(now_) {
  // Both, because they change places each turn: which one is first used is a matter of chance.
  resumable_.reserve(k_expected_resumptions);
  resuming_.reserve(k_expected_resumptions);
  if (options.backend == BackendKind::io_uring) {
    backend_ = std::make_unique<UringBackend>(*this, options);
  } else {
    backend_ = std::make_unique<EpollBackend>(*this, options);
  }
  wake_fd_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  t_current = this;
  wake_.set(wake_fd_.get(), POLLIN);
  wake_.start(nullptr, this);
}

Reactor::~Reactor() {
  wake_.set_listener(nullptr);
  wake_.cancel();
  while (wake_.in_flight()) {
    turn();
  }
  run_posted();
  t_current = nullptr;
}

void Reactor::start(Operation& operation) noexcept {
  backend_->start(operation);
}

void Reactor::cancel(Operation& operation) noexcept {
  backend_->cancel(operation);
}

void Reactor::complete(Operation& operation, int result) noexcept {
  operation.unwatch();
  operation.result_ = result;
  operation.state_ = Operation::State::done;
  counters_.completions++;
  auto& hook = static_cast<QueueHook&>(operation);
  hook.unlink();
  ready_.push_back(hook);
}

Clock::duration Reactor::time_to_wait(Clock::duration wait_max) const noexcept {
  if (ready_.linked() || !resumable_.empty()) {
    return Clock::duration::zero();
  }
  return timers_.until_next(Clock::now(), wait_max);
}

void Reactor::turn(Clock::duration wait_max) {
  counters_.turns++;
  wake_pool();  // what was submitted between the turns
  backend_->wait(time_to_wait(wait_max));
  now_ = Clock::now();
  if (timers_.next_due() < now_ - k_late) {
    // The wait may have ended without a look at what came meanwhile, and that was in time.
    backend_->wait(Clock::duration::zero());
  }
  timers_.advance(now_);
  resume_ready();
  wake_pool();
}

void Reactor::wake_after_turn(coro::ThreadPool& pool) noexcept {
  if (pool_to_wake_ != &pool) {
    wake_pool();
    pool_to_wake_ = &pool;
  }
}

void Reactor::wake_pool() noexcept {
  if (pool_to_wake_ != nullptr) {
    std::exchange(pool_to_wake_, nullptr)->wake();
  }
}

int Reactor::fd() {
  if (!driver_) {
    driver_ = std::make_unique<Driver>(backend_->completions_fd(), wake_fd_.get());
  }
  return driver_->fd();
}

void Reactor::submit() noexcept {
  wake_pool();
  const bool has_completions = backend_->submit();
  const bool is_ready = has_completions || ready_.linked() || !resumable_.empty();
  driver_->wake_at(is_ready ? Clock::time_point::min() : timers_.next_due());
}

bool Reactor::wait(Clock::duration wait_max) {
  const auto nanoseconds = std::chrono::nanoseconds(wait_max).count();
  const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  pollfd item{fd(), POLLIN, 0};
  return ::ppoll(&item, 1, &timeout, nullptr) == 1;
}

void Reactor::resume_ready() {
  // Only what is ready now: what becomes ready meanwhile waits for the next turn, so that no chain
  // of completions keeps the loop from looking at the kernel.
  QueueHook last;
  ready_.push_back(last);
  while (ready_.next != &last) {
    auto& hook = static_cast<QueueHook&>(*ready_.next);
    hook.unlink();
    auto& operation = static_cast<Operation&>(hook);
    if (operation.state_ != Operation::State::done) {
      continue;
    }
    if (operation.waiter_) {
      std::exchange(operation.waiter_, nullptr).resume();
    } else if (operation.listener_ != nullptr) {
      std::exchange(operation.listener_, nullptr)->operation_completed(operation);
    }
  }
  std::swap(resuming_, resumable_);
  for (const std::coroutine_handle<> awaiting : resuming_) {
    awaiting.resume();
  }
  resuming_.clear();
}

void Reactor::resume_later(std::coroutine_handle<> awaiting) {
  resumable_.push_back(awaiting);
}

void Reactor::post(std::function<void()> work) {
  class Call final : public Posted {
   public:
    explicit Call(std::function<void()> function) noexcept : function_(std::move(function)) {}

   private:
    void perform() override {
      const std::unique_ptr<Call> self(this);
      function_();
    }
    std::function<void()> function_;
  };
  post(*std::make_unique<Call>(std::move(work)).release());
}

void Reactor::post(Posted& work) noexcept {
  {
    const std::lock_guard lock(posted_mutex_);
    const bool is_awake = posted_.linked();
    posted_.push_back(work);
    if (is_awake) {
      return;
    }
  }
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is at its maximum: the reactor is about to wake anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof one);
}

void Reactor::operation_completed(Operation&) {
  static_cast<void>(wake_.await_resume());
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_fd_.get(), &count, sizeof count);
  wake_.set(wake_fd_.get(), POLLIN);
  wake_.start(nullptr, this);
  run_posted();
}

/// What has been posted until now; what is posted meanwhile wakes the reactor anew.
void Reactor::run_posted() {
  detail::ListHook work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.take(posted_);
  }
  while (work.linked()) {
    auto& next = static_cast<Posted&>(*work.next);
    next.unlink();
    next.perform();
  }
}

void Reactor::close(UniqueFd fd) noexcept {
  if (fd) {
    backend_->forget(fd.get());
  }
}

}  // namespace reactor

const char* DeadlineExceeded::what() const noexcept {
  return "deadline exceeded";
}

namespace {

/// Has a coroutine resumed by what runs it: a strand on a thread of a pool, or the reactor.
void resume_later(std::coroutine_handle<> awaiting) {
  if (coro::Strand* const strand = coro::Strand::current()) {
    strand->resume_later(awaiting);
  } else {
    reactor::Reactor::current().resume_later(awaiting);
  }
}

}  // namespace

void detail::Timer::arm(Clock::time_point deadline) noexcept {
  if (reactor::Reactor* const reactor = reactor::Reactor::current_or_null()) {
    reactor->timers().arm(*this, deadline);
  } else {
    coro::Strand::current()->arm(*this, deadline);
  }
}

bool detail::Sleep::begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept {
  if (scope != nullptr && scope->cancelled()) {
    cancelled_ = true;
    return false;
  }
  waiter_ = awaiting;
  arm(deadline_);
  watch(scope);
  return true;
}

void detail::Sleep::on_timer() noexcept {
  unwatch();
  resume_later(waiter_);
}

void detail::Sleep::on_cancel() noexcept {
  disarm();
  cancelled_ = true;
  resume_later(waiter_);
}

}  // namespace uringcorn
