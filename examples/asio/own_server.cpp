// SPDX-License-Identifier: MIT
// A server written for Boost.Asio as a worker class: it accepts, reads and writes by itself, in
// Asio's loop, and uringcorn's arbiter looks after it: `uringcorn serve -k
// ./libasio_own_server.so`.
//
// It speaks just enough HTTP/1.0 to be asked by a browser: `/` tells which worker it is, `/slow`
// takes a second, `/hang` blocks the loop.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <uringcorn/worker_class.hpp>

namespace {

namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using boost::system::error_code;
using uringcorn::WorkerContext;

/// Longer request heads are not answered.
constexpr std::size_t k_head_bytes_max = 8 * 1024;

/// A copy of a borrowed descriptor, for Asio to close.
int copy_of(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    throw std::system_error(errno, std::generic_category(), "dup");
  }
  return copy;
}

int family_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family;
}

/// One connection: one request and its answer. Asio's callbacks keep it alive.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Protocol::socket socket, WorkerContext& context, std::function<void()> ended)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        context_(context),
        ended_(std::move(ended)) {
    context_.connection_opened();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    context_.connection_closed();
    ended_();
  }

  void start() {
    asio::async_read_until(socket_, asio::dynamic_buffer(request_, k_head_bytes_max), "\r\n\r\n",
                           [self = shared_from_this()](error_code error, std::size_t) {
                             if (!error) {
                               self->handle();
                             }
                           });
  }

 private:
  void handle() {
    const std::size_t begin = request_.find(' ') + 1;
    const std::string target = request_.substr(begin, request_.find(' ', begin) - begin);
    number_ = context_.request_began(request_.substr(0, begin - 1), target);
    if (target == "/hang") {
      for (;;) {
        ::pause();
      }
    }
    timer_.expires_after(std::chrono::seconds(target == "/slow" ? 1 : 0));
    timer_.async_wait([self = shared_from_this()](error_code) { self->answer(); });
  }

  void answer() {
    const std::string body = "{\"pid\": " + std::to_string(::getpid()) +
                             ", \"slot\": " + std::to_string(context_.slot()) +
                             ", \"generation\": " + std::to_string(context_.generation()) + "}\n";
    answer_ = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body;
    asio::async_write(socket_, asio::buffer(answer_),
                      [self = shared_from_this()](error_code, std::size_t) {
                        self->context_.request_ended(self->number_);
                        error_code ignored;
                        self->socket_.shutdown(Protocol::socket::shutdown_both, ignored);
                      });
  }

  Protocol::socket socket_;
  asio::steady_timer timer_;
  WorkerContext& context_;
  std::function<void()> ended_;
  std::string request_;
  std::string answer_;
  std::uint32_t number_ = 0;
};

class OwnServer final : public uringcorn::WorkerClass {
 public:
  void boot(WorkerContext& context) override {
    for (const uringcorn::WorkerSocket& listener : context.listeners()) {
      acceptors_.emplace_back(loop_);
      acceptors_.back().assign(Protocol(family_of(listener.fd), 0), copy_of(listener.fd));
      acceptors_.back().non_blocking(true);
    }
    control_.assign(copy_of(context.control_fd()));
  }

  void run(WorkerContext& context) override {
    for (Acceptor& acceptor : acceptors_) {
      accept(acceptor, context);
    }
    listen_to_arbiter(context);
    context.ready();
    context.log(uringcorn::Severity::info, "Asio's loop begins");
    // Ends when nothing is left to wait for: that is what drain() brings about.
    loop_.run();
    context.log(uringcorn::Severity::info, "Asio's loop is over");
  }

  void drain() override {
    for (Acceptor& acceptor : acceptors_) {
      acceptor.close();
    }
    is_draining_ = true;
    leave_if_done();
  }

  void stop() override {
    is_draining_ = false;  // the sessions that are left end with the loop, and change nothing then
    loop_.stop();
  }

 private:
  void accept(Acceptor& acceptor, WorkerContext& context) {
    acceptor.async_accept([&](error_code error, Protocol::socket socket) {
      if (!error) {
        ++sessions_;
        std::make_shared<Session>(std::move(socket), context, [this] { session_ended(); })->start();
      }
      if (acceptor.is_open()) {
        accept(acceptor, context);
      }
    });
  }

  void listen_to_arbiter(WorkerContext& context) {
    control_.async_wait(asio::posix::stream_descriptor::wait_read, [&](error_code error) {
      if (!error) {
        context.control();
        listen_to_arbiter(context);
      }
    });
  }

  void session_ended() {
    --sessions_;
    leave_if_done();
  }

  /// Without this wait, and without acceptors and sessions, the loop has nothing left to do.
  void leave_if_done() {
    if (is_draining_ && sessions_ == 0) {
      control_.close();
    }
  }

  // Outlive the loop, which ends sessions when it is destroyed.
  std::size_t sessions_ = 0;
  bool is_draining_ = false;
  asio::io_context loop_{1};
  std::list<Acceptor> acceptors_;
  asio::posix::stream_descriptor control_{loop_};
};

}  // namespace

URINGCORN_WORKER_CLASS([]() -> std::unique_ptr<uringcorn::WorkerClass> {
  return std::make_unique<OwnServer>();
})
