// SPDX-License-Identifier: MIT
#include "http/handler_outcome.hpp"

#include <string>

#include <uringcorn/cancel.hpp>

#include "http/status.hpp"
#include "observe/log.hpp"

namespace uringcorn::http {
namespace {

constexpr int k_first_server_error = 500;

void log_exception(const std::exception_ptr& error, const detail::RequestHead& head) {
  std::string what = "an exception that is no std::exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
  }
  observe::error("{} {}: exception in the handler: {}", head.method_name, head.target, what);
}

/// Whether `error` says that the client did something wrong, such as to leave in the middle of the
/// body that the producer reads.
bool is_of_the_client(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const HttpError& http_error) {
    return http_error.status() < k_first_server_error;
  } catch (...) {
  }
  return false;
}

}  // namespace

Response answer_to_exception(const std::exception_ptr& error, const detail::RequestHead& head,
                             bool timed_out) {
  try {
    std::rethrow_exception(error);
  } catch (const HttpError& http_error) {
    return Response::error(http_error);
  } catch (const Cancelled&) {
    if (timed_out) {
      return Response::error(k_request_timed_out, k_timed_out_sentence);
    }
  } catch (...) {
  }
  log_exception(error, head);
  return Response::error(500);
}

void log_broken_answer(const std::exception_ptr& error, const detail::RequestHead& head,
                       bool timed_out) {
  if (timed_out) {
    observe::warning("{} {}: the answer took longer than request-timeout and was broken off",
                     head.method_name, head.target);
  } else if (is_of_the_client(error)) {
    observe::debug("{} {}: the answer was broken off, because of the client", head.method_name,
                   head.target);
  } else {
    log_exception(error, head);
  }
}

void correct_unusual_answer(Response& response, const detail::RequestHead& head) {
  const int status = response.status();
  if (opens_websocket(response)) {
    return;
  }
  if (head.method == Method::connect && !head.websocket && (status == 404 || status == 405)) {
    response = Response::error(501, "Nothing here opens tunnels.");
  } else if (head.method == Method::connect && head.websocket && status / 100 == 2) {
    // It would tell the client that the WebSocket is open (RFC 8441 section 5).
    response = Response::error(501, "Nothing here opens a WebSocket.");
  } else if (status < 200 || status > k_status_max) {
    observe::error("{} {}: the handler answered with the status {}, which cannot end a request",
                   head.method_name, head.target, status);
    response = Response::error(500);
  }
}

}  // namespace uringcorn::http
