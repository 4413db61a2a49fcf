// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/byte_buffer.hpp"
#include "http/h1/head_parser.hpp"
#include "http/h1/input.hpp"
#include "http/request_arena.hpp"

namespace uringcorn::http::h1 {

/// The memory that a connection needs while it is busy. An idle connection has none.
struct Workspace {
  explicit Workspace(const HeadLimits& limits) noexcept : parser(limits) {}

  HeadParser parser;
  Input input;
  RequestArena arena;
  ByteBuffer output;  ///< answers that have not been sent
  ByteBuffer body;    ///< the piece of the request's body that the handler looks at
};

/// Lends workspaces to the connections of one worker.
class WorkspacePool {
 public:
  /// `limits` must outlive the pool.
  explicit WorkspacePool(const HeadLimits& limits) noexcept : limits_(limits) {}

  class Lease {
   public:
    Lease(WorkspacePool& pool, std::unique_ptr<Workspace> workspace) noexcept
        : pool_(pool), workspace_(std::move(workspace)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(workspace_)); }
    Workspace& operator*() const noexcept { return *workspace_; }

   private:
    WorkspacePool& pool_;
    std::unique_ptr<Workspace> workspace_;
  };

  Lease lend();

 private:
  /// Kept for reuse; as many as are busy at the same time in the usual case, since a handler that
  /// does not wait gives its workspace back before the next connection runs.
  static constexpr std::size_t k_kept_max = 64;
  /// A buffer that grew beyond this is not kept.
  static constexpr std::size_t k_kept_bytes_max = 64 * 1024;

  void give_back(std::unique_ptr<Workspace> workspace) noexcept;

  const HeadLimits& limits_;
  std::vector<std::unique_ptr<Workspace>> kept_;
};

}  // namespace uringcorn::http::h1
