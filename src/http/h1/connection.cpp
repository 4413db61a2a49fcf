// SPDX-License-Identifier: MIT
#include "http/h1/connection.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "http/h1/exchange.hpp"
#include "http/h1/output.hpp"
#include "http/h1/response_writer.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

using namespace std::chrono_literals;

/// How long, and how much, a client that was told that the connection ends is listened to: it reads
/// the answer only when it is done sending.
constexpr auto k_linger_time = 5s;
constexpr std::size_t k_linger_bytes_max = 64 << 20;
/// Answers that wait for the next send; beyond, they are sent before the next request is looked at.
constexpr std::size_t k_output_max = 64 << 10;

std::uint32_t to_limit(std::size_t setting, std::uint32_t most) noexcept {
  return static_cast<std::uint32_t>(std::min<std::size_t>(setting, most));
}

Clock::time_point deadline_after(std::chrono::milliseconds time) noexcept {
  return time == 0ms ? Clock::time_point::max() : reactor::Reactor::current().now() + time;
}

class Connection {
 public:
  Connection(Protocol& protocol, net::Stream& stream, const net::Peer& peer,
             CancelScope& scope) noexcept
      : protocol_(protocol),
        settings_(protocol.context().settings),
        stream_(stream),
        peer_(peer),
        scope_(scope) {}

  Task<void> run();

 private:
  Task<Outcome> serve_requests(reactor::Buffer received);
  Task<Outcome> read_head(Workspace& workspace, Output& output);
  Task<net::IoStatus> receive_head_bytes(Workspace& workspace, Output& output);
  Outcome refuse(int status, std::string_view sentence, Output& output);

  Protocol& protocol_;
  const settings::Settings& settings_;
  net::Stream& stream_;
  const net::Peer& peer_;
  CancelScope& scope_;
  std::size_t requests_ = 0;
  Clock::time_point head_deadline_;
};

Task<void> Connection::run() {
  // The first request has the time of a head, from the accept on; the next ones that of keep-alive.
  stream_.set_receive_deadline(deadline_after(settings_.request_head_timeout));
  Outcome outcome = Outcome::next_request;
  while (outcome == Outcome::next_request) {
    net::Received received = co_await stream_.receive();
    if (received.status != net::IoStatus::ok) {
      co_return;
    }
    outcome = co_await serve_requests(std::move(received.buffer));
    stream_.set_receive_deadline(deadline_after(settings_.keep_alive));
  }
  if (outcome == Outcome::linger) {
    co_await stream_.linger(k_linger_time, k_linger_bytes_max);
  }
}

/// Serves the requests that have come, until the connection is idle or ends.
Task<Outcome> Connection::serve_requests(reactor::Buffer received) {
  const WorkspacePool::Lease lease = protocol_.workspaces().lend();
  Workspace& workspace = *lease;
  Output output(stream_, workspace.output, settings_.write_timeout);
  workspace.input.add(std::move(received));
  head_deadline_ = deadline_after(settings_.request_head_timeout);
  Outcome outcome = Outcome::next_request;
  while (outcome == Outcome::next_request && !workspace.input.empty()) {
    outcome = co_await read_head(workspace, output);
    if (outcome != Outcome::next_request || workspace.parser.head().size == 0) {
      break;
    }
    requests_++;
    const bool more_allowed = settings_.limit_keepalive_requests == 0 ||
                              requests_ < settings_.limit_keepalive_requests;
    Exchange exchange(protocol_, stream_, peer_, workspace, output, scope_,
                      more_allowed && settings_.keep_alive != 0ms);
    outcome = co_await exchange.run();
    workspace.parser.reset();
    workspace.arena.reset();
    if (output.buffer().size() >= k_output_max) {
      workspace.input.own();
      const net::IoStatus status = co_await output.flush();
      outcome = status == net::IoStatus::ok ? outcome : Outcome::broken;
    }
  }
  if (outcome == Outcome::broken) {
    co_return outcome;
  }
  const net::IoStatus status = co_await output.flush();
  co_return status == net::IoStatus::ok ? outcome : Outcome::broken;
}

/// Completes a head (the parser's head has a size then), or finds that the connection is idle after
/// all (it has none), or that it ends.
Task<Outcome> Connection::read_head(Workspace& workspace, Output& output) {
  for (;;) {
    const HeadParser::Result result = workspace.parser.parse(workspace.input.bytes());
    if (result == HeadParser::Result::complete) {
      co_return Outcome::next_request;
    }
    if (result == HeadParser::Result::failed) {
      const ErrorDescription error = describe(workspace.parser.error());
      co_return refuse(error.status, error.sentence, output);
    }
    const bool untouched = workspace.parser.is_untouched();
    const net::IoStatus status = co_await receive_head_bytes(workspace, output);
    if (status == net::IoStatus::timed_out && !untouched) {
      co_return refuse(408, "The request did not come in time.", output);
    }
    if (status != net::IoStatus::ok) {
      co_return Outcome::broken;
    }
  }
}

Task<net::IoStatus> Connection::receive_head_bytes(Workspace& workspace, Output& output) {
  workspace.input.own();
  const net::IoStatus sent = co_await output.flush();
  if (sent != net::IoStatus::ok) {
    co_return sent == net::IoStatus::timed_out ? net::IoStatus::broken : sent;
  }
  stream_.set_receive_deadline(head_deadline_);
  net::Received received = co_await stream_.receive();
  if (received.status == net::IoStatus::ok) {
    workspace.input.add(std::move(received.buffer));
  }
  co_return received.status;
}

/// Answers what cannot be a request.
Outcome Connection::refuse(int status, std::string_view sentence, Output& output) {
  protocol_.context().requests_served++;
  write_error_response(output.buffer(), status, sentence, {.keep_alive = false},
                       protocol_.date_line(), protocol_.server_line());
  return Outcome::linger;
}

}  // namespace

Protocol::Protocol(ServerContext& context) : context_(context) {
  const settings::Settings& settings = context.settings;
  limits_.request_line = to_limit(settings.limit_request_line, UINT32_MAX);
  limits_.fields = to_limit(settings.limit_request_fields, HeadLimits::k_max_fields);
  limits_.field_size = to_limit(settings.limit_request_field_size, UINT32_MAX);
  limits_.head = to_limit(settings.limit_request_head, 1U << 31);
  if (!settings.server_header.empty()) {
    server_line_ = "Server: " + settings.server_header + "\r\n";
  }
}

std::string_view Protocol::date_line() noexcept {
  return date_.at(reactor::Reactor::current().now());
}

Task<void> Protocol::serve(net::Stream& stream, const net::Peer& peer) {
  CancelScope& scope = co_await current_scope();
  Connection connection(*this, stream, peer, scope);
  co_await connection.run();
}

}  // namespace uringcorn::http::h1
