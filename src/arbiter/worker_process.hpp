// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "arbiter/clock.hpp"
#include "arbiter/heartbeat_folder.hpp"
#include "arbiter/plan.hpp"
#include "arbiter/template_process.hpp"
#include "base/unique_fd.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::arbiter {

/// One worker as the arbiter sees it, from its fork until it has been reaped. It knows what the
/// worker said, whether its heart beats, and until when it may live.
class WorkerProcess {
 public:
  enum class Stage : std::uint8_t { booting, ready, leaving };

  /// Why the arbiter itself ended the worker.
  enum class Verdict : std::uint8_t {
    none,
    boot_timeout,      ///< it was not ready in time
    silent,            ///< its heart did not beat for --timeout
    graceful_timeout,  ///< it was told to leave, and had not when --graceful-timeout was over
    quick_end,         ///< it was told to end at once, and did not
    kill,              ///< kill() was called
  };

  /// After SIGABRT a worker has so long to write where it is; and what outlives the graceful
  /// timeout has so long to end by itself. Then SIGKILL comes.
  static constexpr Duration k_last_words = std::chrono::seconds(1);
  /// What a worker that is told to end at once may take.
  static constexpr Duration k_quick_end = std::chrono::seconds(2);

  /// Everything that is needed for a fork. Throws std::exception if something of it is not to be
  /// had now. `scoreboard` must outlive the process.
  WorkerProcess(std::shared_ptr<const Plan> plan, unsigned number, HeartbeatFolder& heartbeats,
                observe::Scoreboard& scoreboard);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();

  /// Forks. True: this is the child, in which live() comes next. Throws std::system_error.
  bool fork();
  /// In the child: the rest of its life. `entry` is worker::run() or a test's.
  [[noreturn]] void live(const WorkerEntry& entry);
  /// Instead of both: `origin` forks it, soon. Throws std::system_error.
  void be_forked_by(TemplateProcess& origin);
  /// In the child of another worker's fork: forgets what belongs to the arbiter.
  void close_in_child() noexcept;

  /// 0: it is not known yet, because a template has to fork it first.
  pid_t pid() const noexcept { return pid_ != 0 ? pid_ : place_.pid(); }
  /// A template could not fork it, or not in time.
  bool never_came() const noexcept { return never_came_; }
  unsigned number() const noexcept { return number_; }
  const Plan& plan() const noexcept { return *plan_; }
  Stage stage() const noexcept { return stage_; }
  Verdict verdict() const noexcept { return verdict_; }
  TimePoint started() const noexcept { return started_; }
  /// It asked to be replaced, and serves until that is done.
  bool wants_successor() const noexcept { return wants_successor_ && stage_ == Stage::ready; }
  /// Somebody else told it to leave. It serves until drain().
  bool told_to_leave() const noexcept { return told_to_leave_; }
  const observe::ScoreboardSlot& place() const noexcept { return place_; }
  /// Readable when the worker said something, or is gone.
  int message_fd() const noexcept { return messages_.get(); }

  /// Takes what the worker said.
  void hear() noexcept;
  /// Asks it to finish what it has and leave; one that boots yet has nothing, and little time.
  /// Does nothing if it leaves already.
  void drain(TimePoint now) noexcept;
  /// Asks it to leave at once.
  void end_quickly(TimePoint now) noexcept;
  /// Ends it without a word.
  void kill() noexcept;
  void signal(int number) noexcept;

  /// Enforces what is due by `now`: a worker that is late to boot or silent is aborted, one whose
  /// time is over is killed. Time before `grace_from` is not counted as silence: the arbiter, and
  /// maybe the worker with it, was not running then.
  void enforce(TimePoint now, TimePoint grace_from) noexcept;
  /// When enforce() may next have something to do.
  TimePoint due(TimePoint grace_from) const noexcept;

 private:
  void note_pid() noexcept;
  void leave_by(TimePoint deadline, Verdict otherwise) noexcept;
  void abort(Verdict verdict, TimePoint now) noexcept;

  std::shared_ptr<const Plan> plan_;
  unsigned number_;
  observe::Scoreboard& scoreboard_;
  std::vector<worker::WorkerListener> listeners_;
  UniqueFd heartbeat_;
  UniqueFd messages_;
  UniqueFd message_writer_;
  observe::ScoreboardSlot& place_;

  pid_t pid_ = 0;
  Stage stage_ = Stage::booting;
  Verdict verdict_ = Verdict::none;
  bool wants_successor_ = false;
  bool told_to_leave_ = false;
  bool never_came_ = false;
  bool aborted_ = false;
  bool killed_ = false;
  TimePoint started_;
  TimePoint kill_at_ = TimePoint::max();
  Verdict killed_for_ = Verdict::none;  ///< at that time
};

}  // namespace uringcorn::arbiter
