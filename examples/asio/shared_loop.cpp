// SPDX-License-Identifier: MIT
// One thread, one loop, two masters: Boost.Asio's loop does the waiting, and beside what is Asio's,
// uringcorn's own HTTP runs on its ring in the same thread:
// `uringcorn serve -k ./libasio_shared_loop.so ./libhello.so`.
//
// Here what is Asio's is a timer; it could be a client of a database that was written for Asio.
#include <fcntl.h>

#include <boost/asio.hpp>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <uringcorn/worker_class.hpp>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using uringcorn::WorkerContext;

class SharedLoop final : public uringcorn::WorkerClass {
 public:
  void boot(WorkerContext& context) override { application_ = context.load_application(); }

  void run(WorkerContext& context) override {
    worker_ = context.make_worker(std::move(application_));
    // A copy, because Asio closes what it is given.
    const int fd = ::fcntl(worker_->fd(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
      throw std::system_error(errno, std::generic_category(), "dup");
    }
    ring_.assign(fd);
    tick();
    wait_for_ring();
    loop_.run();
    context.log(uringcorn::Severity::info,
                "Asio's timer fired " + std::to_string(ticks_) + " times in the loop that served");
  }

  // The worker hears of these by itself, since it does control()'s work.
  void drain() override {}
  void stop() override {}

 private:
  /// What the ring has to do is done, and what came of it submitted, before Asio waits again.
  void wait_for_ring() {
    worker_->submit();
    ring_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code) {
      worker_->dispatch();
      if (worker_->finished()) {
        loop_.stop();
      } else {
        wait_for_ring();
      }
    });
  }

  void tick() {
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](error_code) {
      ++ticks_;
      tick();
    });
  }

  asio::io_context loop_{1};
  asio::posix::stream_descriptor ring_{loop_};
  asio::steady_timer timer_{loop_};
  std::unique_ptr<uringcorn::Application> application_;
  std::unique_ptr<uringcorn::DrivenWorker> worker_;
  unsigned ticks_ = 0;
};

}  // namespace

URINGCORN_WORKER_CLASS([]() -> std::unique_ptr<uringcorn::WorkerClass> {
  return std::make_unique<SharedLoop>();
})
