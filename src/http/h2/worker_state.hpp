// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/byte_buffer.hpp"
#include "http/date.hpp"
#include "http/h2/session_memory.hpp"
#include "http/head_limits.hpp"
#include "http/server_context.hpp"
#include "http/spare.hpp"

namespace uringcorn::http::h2 {

class Exchange;

/// What the HTTP/2 connections of one worker share: limits and options that are the same for all,
/// the exchanges that are not in use, and room to make frames and to gather them in. It is made by
/// the first connection and lives in the ServerContext.
class WorkerState {
 public:
  /// Exchanges kept for reuse; what is given back beyond is freed.
  static constexpr std::size_t k_spare_exchanges_max = 128;

  explicit WorkerState(const settings::Settings& settings);
  WorkerState(const WorkerState&) = delete;
  WorkerState& operator=(const WorkerState&) = delete;
  ~WorkerState();

  static WorkerState& of(ServerContext& context);

  const settings::Settings& settings() const noexcept { return settings_; }
  const HeadLimits& head_limits() const noexcept { return head_limits_; }
  const nghttp2_option* options() const noexcept { return options_.get(); }
  const nghttp2_session_callbacks* callbacks() const noexcept { return callbacks_.get(); }
  DateLine& date_line() noexcept { return date_line_; }

  /// Where nghttp2 makes the frames of whichever connection gathers them.
  FrameBuffer& frames() noexcept { return frames_; }
  /// Where one connection at a time gathers frames, without waiting in between.
  ByteBuffer& gathering() noexcept { return gathering_; }
  /// Where one answer at a time lists its fields.
  std::vector<nghttp2_nv>& answer_fields() noexcept { return answer_fields_; }

  std::unique_ptr<Exchange> lease();
  void give_back(std::unique_ptr<Exchange> exchange) noexcept;

 private:
  struct Delete {
    void operator()(nghttp2_option* options) const noexcept { nghttp2_option_del(options); }
    void operator()(nghttp2_session_callbacks* callbacks) const noexcept {
      nghttp2_session_callbacks_del(callbacks);
    }
  };

  const settings::Settings& settings_;
  HeadLimits head_limits_;
  std::unique_ptr<nghttp2_option, Delete> options_;
  std::unique_ptr<nghttp2_session_callbacks, Delete> callbacks_;
  DateLine date_line_;
  FrameBuffer frames_;
  ByteBuffer gathering_;
  std::vector<nghttp2_nv> answer_fields_;
  Spare<Exchange, k_spare_exchanges_max> spare_;
};

}  // namespace uringcorn::http::h2
