// SPDX-License-Identifier: MIT
#include "worker/speak.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

#include "http/h1/connection.hpp"
#include "http/h2/connection.hpp"
#include "net/tls/session.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::worker {
namespace {

/// Tells by the first bytes which version of HTTP a client without TLS speaks: HTTP/2 begins with a
/// preface that is no request of HTTP/1 (RFC 9113 section 3.3, prior knowledge).
class PrefaceCheck {
 public:
  enum class Result : std::uint8_t { h1, h2, undecided };

  /// Looks at the next bytes.
  Result look(std::string_view bytes) noexcept {
    const std::string_view rest = http::h2::k_client_preface.substr(seen_.size());
    const std::string_view common = bytes.substr(0, rest.size());
    if (!rest.starts_with(common)) {
      return Result::h1;
    }
    seen_ = http::h2::k_client_preface.substr(0, seen_.size() + common.size());
    return common.size() == rest.size() ? Result::h2 : Result::undecided;
  }
  /// What came of the preface so far.
  std::string_view seen() const noexcept { return seen_; }

 private:
  std::string_view seen_;
};

Task<void> speak_by_preface(net::Stream& stream, const net::Peer& peer,
                            http::ServerContext& context) {
  PrefaceCheck preface;
  stream.set_receive_deadline(reactor::deadline_in(context.settings.request_head_timeout));
  for (;;) {
    const std::string_view before = preface.seen();
    net::Received received = co_await stream.receive();
    if (received.status != net::IoStatus::ok) {
      co_return;
    }
    const PrefaceCheck::Result result = preface.look(received.buffer.bytes());
    if (result == PrefaceCheck::Result::undecided) {
      continue;
    }
    stream.unread(std::move(received.buffer));
    if (result == PrefaceCheck::Result::h2) {
      co_await http::h2::serve(stream, peer, context, before);
    } else {
      co_await http::h1::serve(stream, peer, context, before);
    }
    co_return;
  }
}

}  // namespace

Task<void> speak(net::Stream& stream, const net::Peer& peer, http::ServerContext& context) {
  using settings::HttpProtocols;
  const HttpProtocols spoken = context.settings.http_protocols;
  if (stream.is_tls()) {
    const bool is_h2 = stream.alpn() == net::tls::k_http_2 || spoken == HttpProtocols::h2;
    return is_h2 ? http::h2::serve(stream, peer, context) : http::h1::serve(stream, peer, context);
  }
  if (!context.settings.http2_cleartext || spoken == HttpProtocols::h1) {
    return http::h1::serve(stream, peer, context);
  }
  if (spoken == HttpProtocols::h2) {
    return http::h2::serve(stream, peer, context);
  }
  return speak_by_preface(stream, peer, context);
}

}  // namespace uringcorn::worker
