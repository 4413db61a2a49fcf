// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <uringcorn/task.hpp>

#include "http/date.hpp"
#include "http/h1/head_parser.hpp"
#include "http/h1/workspace.hpp"
#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"

namespace uringcorn::http::h1 {

/// What the HTTP/1 connections of one worker have in common.
class Protocol {
 public:
  /// `context` must outlive it.
  explicit Protocol(ServerContext& context);
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;

  /// Speaks HTTP/1.x on a connection until it ends: by its client, a limit, an error, a timeout, or
  /// because the worker drains. Returns when nothing of it runs any more and the last answer has
  /// been seen through; the caller then abandons and destroys the stream. Throws nothing but
  /// std::bad_alloc. Cancelling its scope cancels the handler and ends the connection at once.
  /// `stream` and `peer` must outlive it.
  Task<void> serve(net::Stream& stream, const net::Peer& peer);

  ServerContext& context() noexcept { return context_; }
  const HeadLimits& limits() const noexcept { return limits_; }
  WorkspacePool& workspaces() noexcept { return workspaces_; }
  std::string_view date_line() noexcept;
  /// "Server: uringcorn\r\n", or empty.
  std::string_view server_line() const noexcept { return server_line_; }

 private:
  ServerContext& context_;
  HeadLimits limits_;
  WorkspacePool workspaces_{limits_};
  DateLine date_;
  std::string server_line_;
};

}  // namespace uringcorn::http::h1
