// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <uringcorn/application.hpp>
#include <uringcorn/export.hpp>
#include <uringcorn/module.hpp>

namespace uringcorn {

/// A listening socket, bound by the arbiter and shared by all workers: borrowed, not to be closed.
struct WorkerSocket {
  int fd;
  std::string_view name;  ///< as it is shown: "http://127.0.0.1:8000", "unix:/run/shop.sock"
};

enum class Severity : std::uint8_t { debug, info, warning, error };

/// uringcorn's own worker (class async), in a thread whose waiting somebody else does. It accepts
/// from the listeners, speaks HTTP, runs the application, beats the heart, and answers the signals
/// and the arbiter, like any worker. Its reactor is Linux's io_uring or epoll, as --reactor says.
///
///     for (worker->submit(); !worker->finished(); worker->submit()) {
///       wait until worker->fd() is readable;
///       worker->dispatch();
///     }
class URINGCORN_API DrivenWorker {
 public:
  /// Not before it has finished.
  virtual ~DrivenWorker() = default;

  /// Readable when dispatch() has something to do, as of the last submit(). Borrowed.
  virtual int fd() = 0;
  /// Before the loop waits: hands on what has been started since the last time.
  virtual void submit() noexcept = 0;
  /// Waits until fd() is readable, for loops without a wait of their own. False: it is not.
  virtual bool wait(std::chrono::milliseconds longest) = 0;
  /// Does what there is to do, and never waits.
  virtual void dispatch() = 0;
  /// It has drained, or stopped: leave the loop.
  virtual bool finished() const noexcept = 0;
};

/// What a worker class is handed. Belongs to the worker's main thread and outlives the class.
class URINGCORN_API WorkerContext {
 public:
  virtual std::span<const WorkerSocket> listeners() const noexcept = 0;
  /// The APP of the command line, as it was given.
  virtual std::string_view app_path() const noexcept = 0;
  /// This worker's number, from 0, and how many reloads there have been before it, from 1.
  virtual unsigned slot() const noexcept = 0;
  virtual unsigned generation() const noexcept = 0;
  /// How long what is in flight may take once drain() was called; then the arbiter kills.
  virtual std::chrono::milliseconds graceful_timeout() const noexcept = 0;

  /// Readable when control() has something to do: the loop polls it beside everything else. It is
  /// the heartbeat, too: once a second, and a loop that does not come to call control() within
  /// --timeout is taken to hang and killed. Borrowed.
  virtual int control_fd() = 0;
  /// Beats the heart, and calls drain() or stop() of the class when the arbiter wants it.
  virtual void control() = 0;
  /// Tells the arbiter that this worker serves: at a reload, its predecessor leaves now.
  virtual void ready() = 0;

  /// A line of the error log.
  virtual void log(Severity severity, std::string_view text) = 0;

  // What the scoreboard shows: connections, and the requests that a death report names.
  virtual void connection_opened() noexcept = 0;
  virtual void connection_closed() noexcept = 0;
  /// Gives what request_ended() takes.
  virtual std::uint32_t request_began(std::string_view method,
                                      std::string_view target) noexcept = 0;
  virtual void request_ended(std::uint32_t request) noexcept = 0;

  /// The application of app_path(), made anew. Throws with a sentence.
  virtual std::unique_ptr<Application> load_application() = 0;
  /// Serves `application` by uringcorn's own worker in this thread. It does all that control() and
  /// ready() do, so that these are not to be called then. Once, from run().
  virtual std::unique_ptr<DrivenWorker> make_worker(std::unique_ptr<Application> application) = 0;

 protected:
  ~WorkerContext() = default;
};

/// A worker class of one's own: what a worker process does between its fork and its end. The
/// arbiter binds, starts, watches, reloads, drains and kills it as any other. The context that it
/// is given outlives it.
class URINGCORN_API WorkerClass {
 public:
  virtual ~WorkerClass() = default;

  /// Loads and prepares. An exception ends the worker (exit 3).
  virtual void boot(WorkerContext& context) { static_cast<void>(context); }
  /// Serves, and returns when it has drained or stopped. An exception ends the worker (exit 1).
  virtual void run(WorkerContext& context) = 0;
  /// From control(): accept no more, finish what there is, then let run() return.
  virtual void drain() = 0;
  /// From control(): let run() return soon, whatever is in flight.
  virtual void stop() = 0;
};

using WorkerClassDescriptor = BasicModuleDescriptor<WorkerClass>;

}  // namespace uringcorn

/// Makes its argument, a function `std::unique_ptr<WorkerClass>()`, the class that `uringcorn serve
/// -k ./libmine.so` runs. Once in a shared object, outside of all namespaces.
#define URINGCORN_WORKER_CLASS(...)                                                       \
  URINGCORN_EXPORT_MODULE_OF(::uringcorn::WorkerClass, ::uringcorn::k_worker_class_magic, \
                             uringcorn_worker_class, __VA_ARGS__())

/// The same for `-k ./libmine.so:name`: one object may have several classes.
#define URINGCORN_NAMED_WORKER_CLASS(name, ...)                                           \
  URINGCORN_EXPORT_MODULE_OF(::uringcorn::WorkerClass, ::uringcorn::k_worker_class_magic, \
                             uringcorn_worker_class_##name, __VA_ARGS__())
