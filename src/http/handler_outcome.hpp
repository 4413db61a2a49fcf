// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <exception>
#include <string_view>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>

#include "http/status.hpp"

namespace uringcorn::http {

// What becomes of what a handler returned or threw, whatever the protocol.

/// What a client is told when the time of its request is over.
constexpr int k_request_timed_out = 504;
/// How long such a request may take to end before its client gets an answer without it: what waits
/// in a coroutine ends at once, what blocks a thread may never.
constexpr std::chrono::milliseconds k_end_of_request_time{100};
constexpr std::string_view k_timed_out_sentence = "The request took longer than request-timeout.";

/// The answer to a request whose handler threw `error`: an HttpError's own page, 504 if the time of
/// the request was over, else 500 and a line in the error log.
Response answer_to_exception(const std::exception_ptr& error, const detail::RequestHead& head,
                             bool timed_out);

/// A streamed answer had begun when its producer threw, or its time was over: a line for the log.
void log_broken_answer(const std::exception_ptr& error, const detail::RequestHead& head,
                       bool timed_out);

/// Whether the answer is the beginning of a WebSocket.
inline bool opens_websocket(const Response& response) noexcept {
  constexpr int k_switching_protocols = 101;
  return response.status() == k_switching_protocols && response.upgrade();
}

void correct_unusual_answer(Response& response, const detail::RequestHead& head);
/// Replaces an answer that cannot be sent (a status out of range), and says 501 for an application
/// that knows no CONNECT, or answers one that asks for a WebSocket as if it had opened it.
inline void correct_answer(Response& response, const detail::RequestHead& head) {
  const int status = response.status();
  const bool can_be_sent = status >= 200 && status <= k_status_max;
  if (!can_be_sent || head.method == Method::connect) [[unlikely]] {
    correct_unusual_answer(response, head);
  }
}

}  // namespace uringcorn::http
