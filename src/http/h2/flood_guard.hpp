// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include <uringcorn/time.hpp>

namespace uringcorn::http::h2 {

/// Tells a client that works from one that only keeps the server busy. What brings no request
/// forward costs tokens (a PING, a SETTINGS, a stream that is opened and reset), what does earns
/// some (an answer that was sent, a piece of a body that was sent and must be acknowledged by
/// WINDOW_UPDATE), and some come with time. A connection that has none left is ended.
///
/// A client that is worth its frames never notices: a thousand streams may be cancelled at once,
/// fifty more each second, and any number by one that also takes answers.
class FloodGuard {
 public:
  static constexpr std::int64_t k_tokens_max = 10'000;
  static constexpr std::int64_t k_tokens_per_second = 500;

  static constexpr std::int64_t k_idle_frame_cost = 1;
  /// Of a stream that ended by RST_STREAM, whoever sent it (CVE-2023-44487, CVE-2025-8671).
  static constexpr std::int64_t k_reset_cost = 10;
  static constexpr std::int64_t k_answer_gain = 20;
  static constexpr std::int64_t k_data_sent_gain = 2;

  explicit FloodGuard(Clock::time_point now) noexcept : filled_at_(now) {}

  /// False: the client has used up what it had.
  bool spend(std::int64_t cost, Clock::time_point now) noexcept {
    refill(now);
    tokens_ -= cost;
    return tokens_ >= 0;
  }
  void earn(std::int64_t gain) noexcept { tokens_ = std::min(tokens_ + gain, k_tokens_max); }

 private:
  void refill(Clock::time_point now) noexcept {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - filled_at_).count();
    const std::int64_t gain = milliseconds * k_tokens_per_second / 1000;
    if (gain > 0) {
      earn(gain);
      filled_at_ = now;
    }
  }

  std::int64_t tokens_ = k_tokens_max;
  Clock::time_point filled_at_;
};

}  // namespace uringcorn::http::h2
