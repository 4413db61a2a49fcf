// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/task.hpp>

#include "net/proxy_header.hpp"
#include "net/stream.hpp"

namespace uringcorn::net {

/// How the wait for a PROXY header ended.
struct ReceivedProxyHeader {
  IoStatus status = IoStatus::ok;  ///< of the connection; if it is not ok, no header came
  bool has_bytes = false;          ///< something came, if only a part
  ProxyHeader header;              ///< with status ok: complete or failed
};

/// Receives the PROXY header from the start of a connection. The bytes after a complete header are
/// what the stream gives next. Waits no longer than the stream's receive deadline. `stream` must
/// outlive it.
Task<ReceivedProxyHeader> receive_proxy_header(Stream& stream, ProxyVersions versions);

}  // namespace uringcorn::net
