// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>

#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>

#include "coro/strand.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::reactor {

class ReactorCall;

/// How a strand comes to a thread: as new work, of which only so much may wait, or as a part of
/// work that has begun and must not fail for want of a place in a queue.
enum class Admission : std::uint8_t { bounded, always };

/// How a crossing ended.
enum class Passage : std::uint8_t {
  done,       ///< the strand's coroutine has ended
  refused,    ///< too much work waits already
  cancelled,  ///< the scope was cancelled before the strand began
};

/// A coroutine of the reactor waits while another runs on a strand, on the threads of a pool. This
/// is the bridge between the two sides; all traffic is by messages, and each side touches only what
/// is its own:
///
/// - a cancellation of the reactor's coroutine is passed on to the strand;
/// - the strand's timers are kept here, the next one is armed on the reactor when the strand rests;
/// - what the strand wants of the reactor is a ReactorCall, which runs on the reactor in a scope of
///   its own, and whose end is posted back.
///
/// Neither side is detached: the crossing ends when the strand's coroutine has ended, whatever
/// happens. Use run_on_pool() and run_on_reactor().
class Crossing : private coro::Strand {
 public:
  /// The crossing whose strand the calling thread runs; null: it runs none.
  static Crossing* current() noexcept { return static_cast<Crossing*>(Strand::current()); }

  Reactor& home() noexcept { return home_; }
  using Strand::scope;
  using Strand::stop_token;

  /// Waits for the end: `Passage passage = co_await crossing.passage(admission)`.
  auto passage(Admission admission) noexcept {
    struct Awaiter {
      Crossing& crossing;
      Admission admission;

      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> awaiting) {
        return crossing.depart(awaiting, admission);
      }
      Passage await_resume() const noexcept { return crossing.passage_; }
    };
    return Awaiter{*this, admission};
  }

 protected:
  Crossing(coro::ThreadPool& pool, CancelScope& scope) noexcept;
  ~Crossing() = default;

 private:
  friend class ReactorCall;

  /// A cancellation on the reactor's side.
  class Cancellation final : public CancelWaiter {
   public:
    explicit Cancellation(Crossing& crossing) noexcept : crossing_(crossing) {}
    using CancelWaiter::unwatch;
    using CancelWaiter::watch;

   private:
    void on_cancel() noexcept override { crossing_.cancelled(); }
    Crossing& crossing_;
  };
  /// The strand's next timer, on the reactor.
  class Alarm final : public detail::Timer, public Posted {
   public:
    explicit Alarm(Crossing& crossing) noexcept : crossing_(crossing) {}
    std::atomic<Clock::rep> deadline{0};
    std::atomic<bool> on_its_way{false};

   private:
    void perform() override;
    void on_timer() noexcept override;
    Crossing& crossing_;
  };
  /// Tells the strand that its timer is due.
  class AlarmMessage final : public Message {
   public:
    Clock::time_point armed_for = Clock::time_point::max();

   private:
    void deliver() noexcept override { armed_for = Clock::time_point::max(); }
  };
  /// The way back.
  class Arrival final : public Posted {
   public:
    explicit Arrival(Crossing& crossing) noexcept : crossing_(crossing) {}

   private:
    void perform() override { crossing_.arrive(); }
    Crossing& crossing_;
  };

  /// On the strand: destroys the root coroutine, which has ended.
  virtual void discard_root() noexcept = 0;

  bool depart(std::coroutine_handle<> awaiting, Admission admission);
  void arrive();
  void cancelled() noexcept;
  void submitted(coro::ThreadPool& pool) noexcept override { home_.wake_after_turn(pool); }
  void wake_by(Clock::time_point deadline) noexcept override;
  void finish() noexcept override;
  Task<void> perform(ReactorCall& call);
  void cancel_call(std::uint64_t number) noexcept;

  Reactor& home_;
  CancelScope& outer_;
  std::coroutine_handle<> waiter_;
  Passage passage_ = Passage::done;
  Cancellation cancellation_{*this};
  Alarm alarm_{*this};
  Arrival arrival_{*this};
  TaskGroup calls_;
  detail::ListHook active_calls_;
  AlarmMessage alarm_message_;
  std::uint64_t last_call_ = 0;  ///< the strand's
};

/// Something that a strand wants of its reactor, and waits for. It belongs to the strand; the
/// reactor has it from the post of the request to the post of the answer.
class ReactorCall {
 public:
  ReactorCall(const ReactorCall&) = delete;
  ReactorCall& operator=(const ReactorCall&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    return begin(awaiting, awaiting.promise().scope);
  }
  void await_resume() const noexcept {}

 protected:
  explicit ReactorCall(Crossing& crossing) noexcept : crossing_(crossing) {}
  ~ReactorCall() = default;
  /// The scope was cancelled before anything was done.
  bool is_refused() const noexcept { return is_refused_; }

 private:
  friend class Crossing;

  class Cancellation final : public CancelWaiter {
   public:
    explicit Cancellation(ReactorCall& call) noexcept : call_(call) {}
    using CancelWaiter::unwatch;
    using CancelWaiter::watch;

   private:
    void on_cancel() noexcept override { call_.cancelled(); }
    ReactorCall& call_;
  };
  class Request final : public Posted {
   public:
    explicit Request(ReactorCall& call) noexcept : call_(call) {}

   private:
    void perform() override { call_.crossing_.calls_.spawn(call_.crossing_.perform(call_)); }
    ReactorCall& call_;
  };
  class Answer final : public coro::Strand::Message {
   public:
    explicit Answer(ReactorCall& call) noexcept : call_(call) {}

   private:
    void deliver() noexcept override {
      call_.cancellation_.unwatch();
      call_.waiter_.resume();
    }
    ReactorCall& call_;
  };
  /// Its place among those at work on the reactor.
  struct Place : detail::ListHook {
    std::uint64_t number = 0;
    CancelScope* scope = nullptr;
  };

  /// On the reactor: does it, in `scope`, and keeps the outcome.
  virtual Task<void> perform(CancelScope& scope) = 0;

  bool begin(std::coroutine_handle<> awaiting, CancelScope* scope) noexcept;
  void cancelled() noexcept;

  Crossing& crossing_;
  std::coroutine_handle<> waiter_;
  bool is_refused_ = false;
  Cancellation cancellation_{*this};
  Request request_{*this};
  Answer answer_{*this};
  Place place_;
};

}  // namespace uringcorn::reactor
