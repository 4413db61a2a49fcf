// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>

namespace uringcorn::worker {

/// A request of the reactor as a handler on a strand sees it: what needs the protocol is done on
/// the reactor, for the handler to wait. It must not outlive the request.
class RequestBridge final : private detail::RequestChannel {
 public:
  /// How much of a body is received before a thread has anything to do with the request.
  static constexpr std::size_t k_bytes_ahead_max = 64 * 1024;

  explicit RequestBridge(Request& outer) noexcept;
  RequestBridge(const RequestBridge&) = delete;
  RequestBridge& operator=(const RequestBridge&) = delete;

  /// On the reactor: receives the body, or the beginning of a long one, so that the handler does
  /// not wait for a slow client. What is wrong with the body is for the handler to hear.
  Task<void> read_ahead();

  /// For the handler.
  Request& request() noexcept { return request_; }

 private:
  Task<std::string_view> read_body() override;
  Task<void> send_interim(int status, const Fields& fields) override;
  const Fields& trailers() const noexcept override;
  detail::Arena& arena() noexcept override { return outer_.arena(); }
  CancelScope& scope() noexcept override;
  std::size_t text_limit() const noexcept override { return outer_.text_limit(); }

  detail::RequestChannel& outer_;
  Request request_;
  std::string ahead_;
  bool is_ahead_taken_ = false;
  bool is_whole_ = false;
  std::exception_ptr error_;
};

/// The same for the body of a streamed answer.
class BodyBridge final : public BodyWriter {
 public:
  explicit BodyBridge(BodyWriter& outer) noexcept : outer_(outer) {}
  Task<void> write(std::string_view bytes) override;

 private:
  void keep_trailers(Fields fields) override;

  BodyWriter& outer_;
};

}  // namespace uringcorn::worker
