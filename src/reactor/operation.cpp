// SPDX-License-Identifier: MIT
#include "reactor/operation.hpp"

#include <unistd.h>

#include "base/fatal.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

Operation::~Operation() {
  if (in_flight()) {
    fatal("an operation was destroyed in flight (cancel it, then await it)");
  }
}

void Operation::start(CancelScope* scope, CompletionListener* listener) noexcept {
  if (state_ != State::idle) {
    fatal("an operation was started twice");
  }
  waiter_ = nullptr;
  listener_ = listener;
  cancel_requested_ = false;
  state_ = State::in_flight;
  Reactor& reactor = Reactor::current();
  if (scope != nullptr && scope->cancelled()) {
    reactor.complete(*this, -ECANCELED);
    return;
  }
  watch(scope);
  reactor.start(*this);
}

void Operation::cancel() noexcept {
  if (in_flight() && !cancel_requested_) {
    cancel_requested_ = true;
    Reactor::current().cancel(*this);
  }
}

Accept::~Accept() {
  if (state_ == State::done && result_ >= 0) {
    ::close(result_);
  }
}

FdResult Accept::await_resume() noexcept {
  const int result = take_result();
  flags_ = sizeof peer_;
  if (result < 0) {
    return {UniqueFd(), -result};
  }
  return {UniqueFd(result), 0};
}

Receive::~Receive() {
  if (state_ == State::done) {
    await_resume();
  }
}

BufferResult Receive::await_resume() noexcept {
  const int result = take_result();
  Buffer buffer;
  if (buffer_id_ != BufferPool::k_no_buffer) {
    const std::size_t length = result > 0 ? static_cast<std::size_t>(result) : 0;
    buffer = Reactor::current().buffers().lend(buffer_id_, length);
    buffer_id_ = BufferPool::k_no_buffer;
  }
  if (result <= 0) {
    return {Buffer(), -result};
  }
  return {std::move(buffer), 0};
}

}  // namespace uringcorn::reactor
