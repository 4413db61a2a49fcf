// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include <uringcorn/cancel.hpp>
#include <uringcorn/time.hpp>

#include "coro/thread_pool.hpp"

namespace uringcorn::coro {

/// Coroutines that run on the threads of a pool, but never on two at a time: what a reactor is to
/// its thread, a strand is to whichever thread runs it now. Scopes, groups, timers and sleeps that
/// belong to a strand need no locks.
///
/// A strand has a home, the thread that made it, waits for its end, sends it messages and destroys
/// it. While nothing is to be done, the strand holds no thread.
class Strand : private Job {
 public:
  /// Something that is to be done on the strand. It belongs to who posts it, and may be posted
  /// again once it was delivered; posting one that is on its way does nothing.
  class Message : private detail::ListHook {
   public:
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

   protected:
    Message() noexcept = default;
    ~Message() = default;

   private:
    friend class Strand;
    virtual void deliver() noexcept = 0;
  };

  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  /// The strand that the calling thread runs; null: it runs none.
  static Strand* current() noexcept { return t_current; }

  // ---- on the strand ----

  /// The root of the scopes of its coroutines.
  CancelScope& scope() noexcept { return scope_; }
  void arm(detail::Timer& timer, Clock::time_point deadline) noexcept;
  /// Queues `awaiting` to be resumed before the strand rests.
  void resume_later(std::coroutine_handle<> awaiting) { resumable_.push_back(awaiting); }
  /// Asked to stop when the strand is cancelled, at once and not only when the strand looks.
  std::stop_token stop_token();

  // ---- at home ----

  void post(Message& message);
  /// Cancels the scope of the strand.
  void cancel();

 protected:
  explicit Strand(ThreadPool& pool) noexcept : pool_(pool) {}
  ~Strand() = default;

  /// At home, once: begins as a new job, which may be refused (false), or as one that goes on.
  bool try_begin();
  void begin();
  /// At home: takes back a strand that waits to begin as a new job. False: it has begun, or goes
  /// on.
  bool withdraw() noexcept { return pool_.withdraw(*this); }

 private:
  enum class State : std::uint8_t { scheduled, resting };

  class CancelMessage final : public Message {
   public:
    explicit CancelMessage(Strand& strand) noexcept : strand_(strand) {}

   private:
    void deliver() noexcept override { strand_.scope_.cancel(); }
    Strand& strand_;
  };

  /// At home: the strand waits for a thread of `pool`, which is to be woken before long.
  virtual void submitted(ThreadPool& pool) noexcept = 0;
  /// On the strand, once: starts the root coroutine.
  virtual void start() noexcept = 0;
  /// On the strand: the root coroutine has ended.
  virtual bool finished() const noexcept = 0;
  /// On the strand, before it rests: a message is needed by then.
  virtual void wake_by(Clock::time_point deadline) noexcept = 0;
  /// On the strand, last of all. Nobody touches the strand here any more afterwards.
  virtual void finish() noexcept = 0;

  void run() noexcept final;
  void deliver_messages() noexcept;
  void fire_timers() noexcept;
  void resume_ready() noexcept;
  bool rest() noexcept;

  static constinit thread_local Strand* t_current;

  ThreadPool& pool_;
  CancelScope scope_;
  CancelMessage cancel_message_{*this};
  detail::ListHook timers_;  ///< the earliest first
  std::vector<std::coroutine_handle<>> resumable_;
  std::vector<std::coroutine_handle<>> resuming_;
  bool started_ = false;

  std::mutex mutex_;
  detail::ListHook inbox_;
  State state_ = State::scheduled;
  bool cancelled_ = false;
  std::optional<std::stop_source> stop_source_;
};

}  // namespace uringcorn::coro
