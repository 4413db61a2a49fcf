// SPDX-License-Identifier: MIT
#include "worker/turn.hpp"

namespace uringcorn::worker {

Task<Turn::Holder> Turn::take() {
  if (is_taken_) {
    Waiter waiter;
    waiting_.push_back(waiter);
    const bool is_granted = co_await waiter.granted.wait();
    if (!is_granted) {
      throw Cancelled();
    }
  } else {
    is_taken_ = true;
    changed_(true);
  }
  taken_at_ = Clock::now();
  co_return Holder(*this);
}

void Turn::pass_on() noexcept {
  if (waiting_.linked()) {
    auto& next = static_cast<Waiter&>(*waiting_.next);
    next.unlink();
    taken_at_ = Clock::now();
    next.granted.set();
    return;
  }
  is_taken_ = false;
  changed_(false);
}

}  // namespace uringcorn::worker
