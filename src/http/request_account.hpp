// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/time.hpp>

#include "http/server_context.hpp"
#include "observe/scoreboard.hpp"

namespace uringcorn::http {

/// One request after the other in the books of the worker: its place on the scoreboard, the count
/// of requests, its line in the access log.
class RequestAccount {
 public:
  /// The request of `head` begins. `context` must outlive the account.
  void open(ServerContext& context, const detail::RequestHead& head) {
    context_ = &context;
    if (context.access_log != nullptr) {
      began_ = Clock::now();
      began_at_ = std::chrono::system_clock::now();
    }
    if (context.scoreboard != nullptr) {
      token_ = context.scoreboard->enter_request(head.method_name, head.target);
    }
  }
  /// Its answer is on its way, or there will be none. `status` and `body_bytes` are for the access
  /// log, and so is `response`, which may be null.
  void close(const detail::RequestHead& head, const Response* response, int status,
             std::uint64_t body_bytes) {
    if (++context_->requests_served == context_->requests_limit) [[unlikely]] {
      context_->requests_limit_reached.set();
    }
    if (context_->scoreboard != nullptr) {
      context_->scoreboard->leave_request(token_);
    }
    if (context_->access_log != nullptr) {
      record(head, response, status, body_bytes);
    }
    context_ = nullptr;
  }
  bool is_open() const noexcept { return context_ != nullptr; }

  /// The status in the access log of a request whose client left before the answer, as nginx logs
  /// it.
  static constexpr int k_client_closed_request = 499;

 private:
  void record(const detail::RequestHead& head, const Response* response, int status,
              std::uint64_t body_bytes) const;

  ServerContext* context_ = nullptr;  // null: no request is open
  Clock::time_point began_;
  std::chrono::system_clock::time_point began_at_;
  observe::ScoreboardSlot::RequestToken token_{};
};

}  // namespace uringcorn::http
