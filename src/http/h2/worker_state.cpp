// SPDX-License-Identifier: MIT
#include "http/h2/worker_state.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "http/h2/callbacks.hpp"
#include "http/h2/exchange.hpp"

namespace uringcorn::http::h2 {
namespace {

/// Frames that continue a header block, for as many bytes as may be in it: more are a flood
/// (CVE-2024-27316).
std::size_t continuations_max(const settings::Settings& settings) noexcept {
  constexpr std::size_t k_at_least = 8;
  return std::max(k_at_least,
                  2 * settings.http2_max_header_list_size / settings.http2_max_frame_size);
}

/// As large a head as an application can make; nghttp2's own limit is on its compressed size.
constexpr std::size_t k_answer_head_bytes_max = 4 * Fields::k_bytes_max;

/// The FloodGuard counts resets, and more besides. This one must not be nearer.
constexpr std::uint64_t k_resets_burst = 100'000;
constexpr std::uint64_t k_resets_per_second = 100'000;

void set_options(nghttp2_option* options, const settings::Settings& settings) noexcept {
  // Credit is given for what was read, not for what came.
  nghttp2_option_set_no_auto_window_update(options, 1);
  // The fields of requests are judged by the same code as those of HTTP/1.
  nghttp2_option_set_no_http_messaging(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_continuations(options, continuations_max(settings));
  nghttp2_option_set_max_send_header_block_length(options, k_answer_head_bytes_max);
  nghttp2_option_set_stream_reset_rate_limit(options, k_resets_burst, k_resets_per_second);
  nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
}

}  // namespace

WorkerState::WorkerState(const settings::Settings& settings)
    : settings_(settings), head_limits_(HeadLimits::of(settings)) {
  nghttp2_option* options = nullptr;
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_option_new(&options) != 0) {
    throw std::bad_alloc();
  }
  options_.reset(options);
  set_options(options, settings);
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    throw std::bad_alloc();
  }
  callbacks_.reset(callbacks);
  Callbacks::set(callbacks);
}

WorkerState::~WorkerState() = default;

WorkerState& WorkerState::of(ServerContext& context) {
  if (!context.h2) {
    context.h2 = std::make_shared<WorkerState>(context.settings);
  }
  return *context.h2;
}

std::unique_ptr<Exchange> WorkerState::lease() {
  return spare_.lease(*this);
}

void WorkerState::give_back(std::unique_ptr<Exchange> exchange) noexcept {
  spare_.give_back(std::move(exchange));
}

}  // namespace uringcorn::http::h2
