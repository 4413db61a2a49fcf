// SPDX-License-Identifier: MIT
#include "worker/request_bridge.hpp"

#include <utility>

#include "http/request_access.hpp"
#include "reactor/across.hpp"

namespace uringcorn::worker {

RequestBridge::RequestBridge(Request& outer) noexcept
    : outer_(RequestAccess::channel(outer)),
      request_(RequestAccess::head(outer), static_cast<detail::RequestChannel&>(*this)),
      is_whole_(!RequestAccess::head(outer).has_body) {}

Task<void> RequestBridge::read_ahead() {
  try {
    while (!is_whole_ && ahead_.size() < k_bytes_ahead_max) {
      const std::string_view piece = co_await outer_.read_body();
      ahead_.append(piece);
      is_whole_ = piece.empty();
    }
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    error_ = std::current_exception();
  }
}

Task<std::string_view> RequestBridge::read_body() {
  if (!is_ahead_taken_ && !ahead_.empty()) {
    is_ahead_taken_ = true;
    co_return ahead_;
  }
  if (error_) {
    std::rethrow_exception(error_);
  }
  if (is_whole_) {
    co_return std::string_view();
  }
  const std::string_view piece = co_await reactor::run_on_reactor(outer_.read_body());
  is_whole_ = piece.empty();
  co_return piece;
}

Task<void> RequestBridge::send_interim(int status, const Fields& fields) {
  return reactor::run_on_reactor(outer_.send_interim(status, fields));
}

/// They do not change once the end of the body has been read.
const Fields& RequestBridge::trailers() const noexcept {
  static const Fields none{};
  return is_whole_ ? outer_.trailers() : none;
}

/// A handler and the producer of its answer each run on a strand of their own.
CancelScope& RequestBridge::scope() noexcept {
  return reactor::Crossing::current()->scope();
}

Task<void> BodyBridge::write(std::string_view bytes) {
  return reactor::run_on_reactor(outer_.write(bytes));
}

/// Nobody else looks at them before the producer has ended.
void BodyBridge::keep_trailers(Fields fields) {
  outer_.trailers(std::move(fields));
}

}  // namespace uringcorn::worker
