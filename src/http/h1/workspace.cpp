// SPDX-License-Identifier: MIT
#include "http/h1/workspace.hpp"

#include <utility>

namespace uringcorn::http::h1 {

WorkspacePool::Lease WorkspacePool::lend() {
  if (kept_.empty()) {
    return {*this, std::make_unique<Workspace>(limits_)};
  }
  std::unique_ptr<Workspace> workspace = std::move(kept_.back());
  kept_.pop_back();
  return {*this, std::move(workspace)};
}

void WorkspacePool::give_back(std::unique_ptr<Workspace> workspace) noexcept {
  if (kept_.size() == k_kept_max) {
    return;
  }
  workspace->parser.reset();
  workspace->input.clear();
  workspace->arena.reset();
  for (ByteBuffer* buffer : {&workspace->output, &workspace->body}) {
    buffer->clear();
    if (buffer->capacity() > k_kept_bytes_max) {
      buffer->release();
    }
  }
  try {
    kept_.push_back(std::move(workspace));
  } catch (const std::bad_alloc&) {
    // Then it is not kept.
  }
}

}  // namespace uringcorn::http::h1
