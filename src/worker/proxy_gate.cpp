// SPDX-License-Identifier: MIT
#include "worker/proxy_gate.hpp"

#include <chrono>
#include <string_view>

#include <uringcorn/time.hpp>

#include "net/proxy_header_receiver.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::worker {
namespace {

using namespace std::chrono_literals;

net::ProxyVersions versions_of(settings::ProxyProtocol choice) noexcept {
  switch (choice) {
    case settings::ProxyProtocol::v1:
      return net::ProxyVersions::v1;
    case settings::ProxyProtocol::v2:
      return net::ProxyVersions::v2;
    default:
      return net::ProxyVersions::any;
  }
}

void log_refusal(const net::Peer& peer, std::string_view reason) {
  const std::string_view address = peer.address();
  observe::warning("refused a connection from {}: {} (--proxy-protocol, --proxy-allow-from)",
                   address.empty() ? "a unix socket" : address, reason);
}

void explain_refusal(const net::Peer& peer, const net::ReceivedProxyHeader& received) {
  if (received.status == net::IoStatus::ok) {
    log_refusal(peer, net::message(received.header.error));
  } else if (received.status == net::IoStatus::timed_out) {
    log_refusal(peer, "its PROXY header did not come in time");
  } else if (received.has_bytes && received.status == net::IoStatus::end) {
    log_refusal(peer, "it ended within its PROXY header");
  }
  // Whoever connects and says nothing looks whether somebody listens: load balancers do all day.
}

}  // namespace

Task<bool> pass_proxy_gate(net::Stream& stream, net::Peer& peer,
                           const settings::Settings& settings) {
  if (settings.proxy_protocol == settings::ProxyProtocol::off ||
      !peer.is_in(settings.proxy_allow_from)) {
    co_return true;
  }
  const auto time = settings.request_head_timeout;
  stream.set_receive_deadline(time == 0ms ? Clock::time_point::max()
                                          : reactor::Reactor::current().now() + time);
  const net::ReceivedProxyHeader received =
      co_await net::receive_proxy_header(stream, versions_of(settings.proxy_protocol));
  if (received.status != net::IoStatus::ok ||
      received.header.result != net::ProxyHeader::Result::complete) {
    explain_refusal(peer, received);
    co_return false;
  }
  peer = received.header.client.value_or(peer);
  co_return true;
}

}  // namespace uringcorn::worker
