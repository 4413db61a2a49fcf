// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <uringcorn/application.hpp>
#include <uringcorn/time.hpp>

#include "base/unique_fd.hpp"
#include "http/h1/connection.hpp"
#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"
#include "reactor/reactor.hpp"
#include "settings/settings.hpp"

namespace uringcorn::tests {

/// How long anything may take before a test gives it up.
constexpr auto k_patience = std::chrono::seconds(30);

using Handler = std::function<Task<Response>(Request&)>;

/// An application of one handler.
class OneHandler final : public Application {
 public:
  explicit OneHandler(Handler handler) : handler_(std::move(handler)) {}
  Task<Response> handle(Request& request) override { return handler_(request); }

 private:
  Handler handler_;
};

/// A reactor, an application, and what the connections to it share: a worker without a process.
class Server {
 public:
  Server(reactor::BackendKind backend, Handler handler, settings::Settings chosen = {},
         std::uint16_t buffers = 16)
      : settings(std::move(chosen)),
        reactor({.backend = backend,
                 .queue_entries = 256,
                 .buffer_count = buffers,
                 .buffer_size = 4096}),
        application(std::move(handler)),
        context{application, settings} {}

  /// Turns until `condition` holds.
  template <class Condition>
  void turn_until(Condition condition) {
    const auto give_up = Clock::now() + k_patience;
    while (!condition()) {
      REQUIRE(Clock::now() < give_up);
      reactor.turn(std::chrono::milliseconds(5));
    }
  }

  settings::Settings settings;
  reactor::Reactor reactor;
  OneHandler application;
  http::ServerContext context;
};

/// A connection to a Server, and its client.
class Wire {
 public:
  explicit Wire(Server& server) : server_(server) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    client_.reset(ends[0]);
    running_.emplace(serve(UniqueFd(ends[1]), server.context), scope_);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() {
    scope_.cancel();
    while (!running_->done()) {
      server_.reactor.turn(std::chrono::milliseconds(5));
    }
  }

  int fd() const { return client_.get(); }
  bool served() const { return running_->done(); }
  void cancel() { scope_.cancel(); }

  void send(std::string_view bytes) {
    server_.turn_until([&] {
      const ssize_t sent =
          ::send(client_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return bytes.empty();
    });
  }
  void send_end() { ::shutdown(client_.get(), SHUT_WR); }
  void close() { client_.reset(); }

  /// One receive: what has come when something has come; nothing at the end of the connection.
  std::string receive() {
    std::string received;
    server_.turn_until([&] {
      std::array<char, 65536> bytes;
      const ssize_t got = ::recv(client_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got > 0) {
        received.assign(bytes.data(), static_cast<std::size_t>(got));
      }
      return got >= 0 || errno != EAGAIN;
    });
    return received;
  }
  /// Everything up to the end of the connection.
  std::string read_to_end() {
    std::string all = std::exchange(buffered_, {});
    for (std::string more = receive(); !more.empty(); more = receive()) {
      all += more;
    }
    return all;
  }
  /// What has come, `bytes_max` at most; nothing at the end of the connection.
  std::string read_some(std::size_t bytes_max) {
    if (buffered_.empty()) {
      buffered_ = receive();
    }
    std::string some = buffered_.substr(0, bytes_max);
    buffered_.erase(0, some.size());
    return some;
  }
  std::string read_until(std::string_view mark) {
    std::size_t end = buffered_.find(mark);
    while (end == std::string::npos) {
      const std::string more = receive();
      REQUIRE_MESSAGE(!more.empty(), "the connection ended after: ", buffered_);
      buffered_ += more;
      end = buffered_.find(mark);
    }
    std::string result = buffered_.substr(0, end + mark.size());
    buffered_.erase(0, result.size());
    return result;
  }
  /// The head and the body (by Content-Length) of one answer.
  std::string read_answer() {
    std::string answer = read_until("\r\n\r\n");
    constexpr std::string_view name = "Content-Length: ";
    const std::size_t field = answer.find(name);
    if (field != std::string::npos) {
      const std::size_t length = std::stoul(answer.substr(field + name.size()));
      while (buffered_.size() < length) {
        const std::string more = receive();
        REQUIRE(!more.empty());
        buffered_ += more;
      }
      answer += buffered_.substr(0, length);
      buffered_.erase(0, length);
    }
    return answer;
  }
  std::string ask(std::string_view bytes) {
    send(bytes);
    return read_answer();
  }

 private:
  static Task<void> serve(UniqueFd socket, http::ServerContext& context) {
    const net::Peer peer;
    net::Stream stream(std::move(socket));
    co_await http::h1::serve(stream, peer, context);
    co_await stream.abandon();
  }

  Server& server_;
  UniqueFd client_;
  CancelScope scope_;
  std::optional<RunningTask<void>> running_;
  std::string buffered_;
};

/// Runs a test on a server of each reactor backend.
inline void on_each_server(const Handler& handler, const settings::Settings& settings,
                           const std::function<void(Server&)>& body, std::uint16_t buffers = 16) {
  for (const auto backend : {reactor::BackendKind::io_uring, reactor::BackendKind::epoll}) {
    CAPTURE(static_cast<int>(backend));
    Server server(backend, handler, settings, buffers);
    body(server);
  }
}

}  // namespace uringcorn::tests
