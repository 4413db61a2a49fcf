// SPDX-License-Identifier: MIT
#include "http/h2/connection.hpp"

#include <exception>

#include "http/h2/session.hpp"
#include "http/lingering.hpp"
#include "observe/log.hpp"

namespace uringcorn::http::h2 {

Task<void> serve(net::Stream& stream, const net::Peer& peer, ServerContext& context,
                 std::string_view received) {
  CancelScope& scope = co_await current_scope();
  bool may_linger = false;
  try {
    Session session(stream, peer, context, scope);
    co_await session.run(received);
    may_linger = session.may_linger();
  } catch (const std::exception& exception) {
    observe::error("a connection from {} ends because of: {}", peer.address(), exception.what());
  }
  if (may_linger) {
    co_await stream.linger(k_linger_time, k_linger_bytes_max);
  }
}

}  // namespace uringcorn::http::h2
