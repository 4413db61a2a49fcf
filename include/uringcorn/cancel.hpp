// SPDX-License-Identifier: MIT
#pragma once

#include <exception>

#include <uringcorn/export.hpp>

namespace uringcorn {

class CancelScope;

/// Thrown out of an await of the application's own (sleep_for, body().read(), write, ...) when the
/// scope that it runs in was cancelled: the client is gone, the request's time is over, or the
/// worker leaves. Let it pass: destructors clean up and the server ends the request.
class URINGCORN_API Cancelled : public std::exception {
 public:
  const char* what() const noexcept override;
};

namespace detail {

/// A link of a circular, doubly linked list. A list is a hook that stands for its head. Unlinking
/// an unlinked hook does nothing.
struct ListHook {
  ListHook* previous = this;
  ListHook* next = this;

  ListHook() noexcept = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  bool linked() const noexcept { return next != this; }
  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  void push_back(ListHook& hook) noexcept {
    hook.previous = previous;
    hook.next = this;
    previous->next = &hook;
    previous = &hook;
  }
  /// Appends all of another list, which is empty then.
  void take(ListHook& other) noexcept {
    if (other.linked()) {
      previous->next = other.next;
      other.next->previous = previous;
      previous = other.previous;
      previous->next = this;
      other.previous = other.next = &other;
    }
  }
};

}  // namespace detail

/// Something that waits and that a CancelScope may interrupt: an operation of the reactor, a sleep.
/// It belongs to one thread, that of the scope that it watches.
class URINGCORN_API CancelWaiter : private detail::ListHook {
 public:
  virtual ~CancelWaiter() = default;

 protected:
  CancelWaiter() noexcept = default;

  /// From now on, until unwatch() or the first call of on_cancel(), a cancel() of `scope` (or of a
  /// scope above it) calls on_cancel(). `scope` may be null: then nothing ever does.
  void watch(CancelScope* scope) noexcept;
  void unwatch() noexcept { unlink(); }

  /// The scope was cancelled. The waiter is already unlinked. It must bring about its own end soon,
  /// but must not resume a coroutine from within this call.
  virtual void on_cancel() noexcept = 0;

 private:
  friend class CancelScope;
};

/// A node of the tree along which cancellation travels. Every coroutine runs in a scope, which it
/// inherits from the coroutine that awaits it. cancel() reaches every wait in the scope and in all
/// scopes below it, once and for all: later waits in a cancelled scope end at once.
///
/// A scope belongs to one thread, has no atomics, and must outlive all that runs in it.
class URINGCORN_API CancelScope : private detail::ListHook {
 public:
  /// A root: nothing cancels it but its own cancel().
  CancelScope() noexcept = default;
  /// A scope below `parent`, which must outlive it; born cancelled if `parent` is cancelled.
  explicit CancelScope(CancelScope& parent) noexcept;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  /// Nothing may wait in the scope, and no scope may stand below it, any more.
  ~CancelScope();

  /// Interrupts every wait in this scope and below. Safe to call twice, and from within any wait's
  /// owner; it resumes no coroutine itself.
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_; }

 private:
  friend class CancelWaiter;

  detail::ListHook waiters_;
  detail::ListHook children_;
  bool cancelled_ = false;
};

}  // namespace uringcorn
