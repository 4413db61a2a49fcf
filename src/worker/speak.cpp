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

Task<Speech> listen_for_preface(net::Stream& stream) {
  PrefaceCheck preface;
  for (;;) {
    const std::string_view before = preface.seen();
    net::Received received = co_await stream.receive();
    if (received.status != net::IoStatus::ok) {
      co_return Speech{};
    }
    const PrefaceCheck::Result result = preface.look(received.buffer.bytes());
    if (result != PrefaceCheck::Result::undecided) {
      const bool is_h2 = result == PrefaceCheck::Result::h2;
      stream.unread(std::move(received.buffer));
      co_return Speech{is_h2 ? Speech::Version::h2 : Speech::Version::h1, before};
    }
  }
}

}  // namespace

Task<Speech> listen_for_speech(net::Stream& stream, const settings::Settings& settings) {
  using settings::HttpProtocols;
  const HttpProtocols spoken = settings.http_protocols;
  bool is_h2 = spoken == HttpProtocols::h2;
  if (stream.is_tls()) {
    is_h2 = is_h2 || stream.alpn() == net::tls::k_http_2;
  } else if (!settings.http2_cleartext) {
    is_h2 = false;
  } else if (spoken == HttpProtocols::h1_and_h2) {
    stream.set_receive_deadline(reactor::deadline_in(settings.request_head_timeout));
    Speech speech = co_await listen_for_preface(stream);
    co_return speech;
  }
  co_return Speech{is_h2 ? Speech::Version::h2 : Speech::Version::h1};
}

Task<void> speak(Speech speech, net::Stream& stream, const net::Peer& peer,
                 http::ServerContext& context) {
  return speech.version == Speech::Version::h2
             ? http::h2::serve(stream, peer, context, speech.received)
             : http::h1::serve(stream, peer, context, speech.received);
}

}  // namespace uringcorn::worker
