// SPDX-License-Identifier: MIT
#include "net/proxy_header_receiver.hpp"

#include <string>
#include <utility>

namespace uringcorn::net {

Task<ReceivedProxyHeader> receive_proxy_header(Stream& stream, ProxyVersions versions) {
  // Empty as long as one piece holds the header, which is nearly always so: senders send it at
  // once.
  std::string before;
  for (;;) {
    Received received = co_await stream.receive();
    if (received.status != IoStatus::ok) {
      co_return ReceivedProxyHeader{.status = received.status, .has_bytes = !before.empty()};
    }
    const std::string_view piece = received.buffer.bytes();
    const std::size_t size_before = before.size();
    if (size_before > 0) {
      before += piece;
    }
    const ProxyHeader header = parse_proxy_header(size_before > 0 ? before : piece, versions);
    if (header.result == ProxyHeader::Result::need_more) {
      if (size_before == 0) {
        before = piece;
      }
      continue;
    }
    if (header.result == ProxyHeader::Result::complete) {
      // The header ends in this piece, for else it would have been complete before.
      received.buffer.remove_prefix(header.size - size_before);
      stream.unread(std::move(received.buffer));
    }
    co_return ReceivedProxyHeader{.has_bytes = true, .header = header};
  }
}

}  // namespace uringcorn::net
