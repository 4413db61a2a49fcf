// SPDX-License-Identifier: MIT
#include <uringcorn/cancel.hpp>

#include "base/fatal.hpp"

namespace uringcorn {

const char* Cancelled::what() const noexcept {
  return "cancelled";
}

void CancelWaiter::watch(CancelScope* scope) noexcept {
  unlink();
  if (scope != nullptr) {
    scope->waiters_.push_back(*this);
  }
}

CancelScope::CancelScope(CancelScope& parent) noexcept : cancelled_(parent.cancelled_) {
  parent.children_.push_back(*this);
}

CancelScope::~CancelScope() {
  if (waiters_.linked() || children_.linked()) {
    fatal("a CancelScope was destroyed while something still ran in it");
  }
}

void CancelScope::cancel() noexcept {
  cancelled_ = true;
  while (waiters_.linked()) {
    auto& waiter = static_cast<CancelWaiter&>(*waiters_.next);
    waiter.unlink();
    waiter.on_cancel();
  }
  // A child cannot disappear meanwhile, since on_cancel() resumes nobody.
  for (detail::ListHook* hook = children_.next; hook != &children_; hook = hook->next) {
    static_cast<CancelScope&>(*hook).cancel();
  }
}

}  // namespace uringcorn
