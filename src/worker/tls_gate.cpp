// SPDX-License-Identifier: MIT
#include "worker/tls_gate.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include <uringcorn/time.hpp>

#include "base/byte_buffer.hpp"
#include "http/h1/response_writer.hpp"
#include "net/tls/error.hpp"
#include "net/tls/session.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::worker {
namespace {

using namespace std::chrono_literals;

/// How long a client that was refused may take to see why.
constexpr auto k_linger_time = 2s;
constexpr std::size_t k_linger_bytes_max = 64 * 1024;

/// The first byte of a TLS connection is that of a handshake record, 22; a request in the clear
/// begins with the letters of its method.
bool looks_like_http(std::string_view bytes) noexcept {
  return bytes.front() >= 'A' && bytes.front() <= 'Z';
}

Task<void> refuse_http(net::Stream& stream) {
  ByteBuffer answer;
  http::h1::write_error_response(answer, 400,
                                 "This port speaks HTTPS: the address begins with https://.",
                                 {.keep_alive = false}, "", "");
  co_await stream.send(answer.view(), k_linger_time);
  co_await stream.linger(k_linger_time, k_linger_bytes_max);
}

void log_failure(const net::Peer& peer, std::string_view reason) {
  const std::string_view address = peer.address();
  observe::debug("no TLS with {}: {}", address.empty() ? "a unix socket" : address, reason);
}

std::string_view protocols_of(settings::HttpProtocols choice) noexcept {
  switch (choice) {
    case settings::HttpProtocols::h1:
      return net::tls::k_http_1;
    case settings::HttpProtocols::h2:
      return net::tls::k_http_2;
    case settings::HttpProtocols::h1_and_h2:
      break;
  }
  return net::tls::k_http_2_or_1;
}

}  // namespace

TlsFloor::TlsFloor(std::size_t handshakes_max)
    : workbench_(reactor::Reactor::current().buffers().size()), count_max_(handshakes_max) {}

void TlsFloor::make_room() noexcept {
  if (count_ >= count_max_ && under_way_.linked()) {
    auto& longest = static_cast<Place&>(*under_way_.next);
    longest.unlink();
    longest.stream_.set_receive_deadline(reactor::Reactor::current().now());
  }
}

TlsFloor::Place::Place(TlsFloor& floor, net::Stream& stream) noexcept
    : floor_(floor), stream_(stream) {
  floor_.make_room();
  floor_.under_way_.push_back(*this);
  floor_.count_++;
}

TlsFloor::Place::~Place() {
  floor_.count_--;
}

TlsGate::TlsGate(std::shared_ptr<const net::tls::Material> material,
                 const net::tls::TicketKeys* tickets, const settings::Settings& settings,
                 TlsFloor& floor, bool reports)
    : tickets_(tickets), settings_(settings), floor_(floor), reports_(reports) {
  fingerprint_ = last_look_ = material->fingerprint;
  context_ = std::make_shared<net::tls::Context>(std::move(material), tickets);
  arm(Clock::now() + k_look_interval);
}

// ---- certificates that change

void TlsGate::on_timer() noexcept {
  arm(Clock::now() + k_look_interval);
  try {
    look_at_files();
  } catch (const std::exception& error) {
    observe::error("the certificates stay as they are: {}", error.what());
  }
}

void TlsGate::look_at_files() {
  std::string now = net::tls::fingerprint_of_files(context_->material().settings);
  const bool is_at_rest = now == last_look_;
  last_look_ = std::move(now);
  if (is_at_rest && last_look_ != fingerprint_) {
    fingerprint_ = last_look_;
    read_files();
  }
}

void TlsGate::read_files() {
  // Kept until its successor is announced: nobody else may have it any more.
  const std::shared_ptr<const net::tls::Context> before = context_;
  const net::tls::Material& serving = before->material();
  try {
    std::shared_ptr<const net::tls::Material> fresh = net::tls::read_material(serving.settings);
    net::tls::refuse_expired(*fresh, [&serving](const std::string& certificate) {
      return net::tls::has(serving, certificate);
    });
    context_ = std::make_shared<net::tls::Context>(std::move(fresh), tickets_);
    observe::log(reports_ ? LogLevel::info : LogLevel::debug,
                 "New connections get the certificates that are now in {}",
                 fmt::join(serving.settings.certfile, ", "));
    if (reports_) {
      net::tls::warn_of_flaws(context_->material());
    }
  } catch (const net::tls::TlsError& error) {
    observe::log(reports_ ? LogLevel::error : LogLevel::debug,
                 "Changed certificates refused: {}; the old ones go on", error.what());
  }
}

// ---- handshakes

Task<bool> TlsGate::pass(net::Stream& stream, const net::Peer& peer) {
  const auto time = settings_.tls_handshake_timeout;
  stream.set_receive_deadline(time == 0ms ? Clock::time_point::max()
                                          : reactor::Reactor::current().now() + time);
  const TlsFloor::Place place(floor_, stream);
  net::Received first = co_await stream.receive();
  if (first.status != net::IoStatus::ok) {
    co_return false;  // Whoever connects and says nothing looks whether somebody listens.
  }
  if (looks_like_http(first.buffer.bytes())) {
    first.buffer.release();
    co_await refuse_http(stream);
    co_return false;
  }
  stream.unread(std::move(first.buffer));
  const net::IoStatus status = co_await stream.start_tls(std::make_unique<net::tls::Session>(
      context_, protocols_of(settings_.http_protocols), floor_.workbench()));
  switch (status) {
    case net::IoStatus::ok:
      co_return true;
    case net::IoStatus::broken:
      log_failure(peer, stream.tls_failure());
      co_await stream.linger(k_linger_time, k_linger_bytes_max);
      break;
    case net::IoStatus::timed_out:
      log_failure(peer, "the handshake took too long (--tls-handshake-timeout, --tls-handshakes)");
      break;
    default:
      log_failure(peer, "it ended within the handshake");
  }
  co_return false;
}

}  // namespace uringcorn::worker
