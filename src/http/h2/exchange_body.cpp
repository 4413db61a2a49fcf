// SPDX-License-Identifier: MIT
// The side of an exchange that handlers and producers see: the request's body in, the answer's body
// out.
#include <stdexcept>
#include <string>

#include "http/h2/answer_head.hpp"
#include "http/h2/exchange.hpp"
#include "http/h2/session.hpp"
#include "http/lingering.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h2 {
namespace {

/// What a producer may write ahead of the client; past it, it waits. Pieces up to this size are
/// copied, larger ones are sent from where they are.
constexpr std::size_t k_copied_bytes_max = 32 * 1024;

}  // namespace

Task<std::string_view> Exchange::read_body() {
  if (head_.websocket) {
    co_return std::string_view();  // what comes is the WebSocket's
  }
  if (body_.lent() > 0) {
    session_->consumed(*this, body_.lent());
  }
  for (;;) {
    if (body_.failed()) {
      const auto [status, sentence] = describe(body_.error());
      throw HttpError(status, std::string(sentence));
    }
    const std::string_view bytes = body_.next();
    if (!bytes.empty() || body_.ended()) {
      co_return bytes;
    }
    send_continue();
    co_await wait_for_body();
  }
}

Task<void> Exchange::wait_for_body() {
  if (settings().body_timeout.count() > 0) {
    body_timer_.arm(reactor::deadline_in(settings().body_timeout));
  }
  body_came_.reset();
  const bool came = co_await body_came_.wait();
  body_timer_.disarm();
  if (!came) {
    throw Cancelled();
  }
}

void Exchange::send_continue() {
  if (!builder_.facts().expects_continue() || continue_sent_ || head_submitted_ || body_.begun()) {
    return;
  }
  continue_sent_ = true;
  std::vector<nghttp2_nv>& list = worker_.answer_fields();
  list_interim_head(list, 100, Fields(), arena_);
  session_->submit_interim(*this, list);
}

/// Nobody will read the rest of the request. RST_STREAM says so (RFC 9113 section 8.1), but to many
/// clients, curl among them, one that comes while they still send is a failure, and the answer is
/// lost. So there is time to end, or to stop because of the answer.
void Exchange::begin_to_discard() {
  rest_timer_.arm(reactor::deadline_in(k_linger_time));
  discard();
}

/// Gives credit for what is thrown away, up to the limit; past it the client has to wait.
void Exchange::discard() {
  if (busy_) {
    return;  // the handler that does not heed its cancellation may have some of it
  }
  const std::size_t size = body_.discard();
  if (size > 0 && discarded_ < settings().limit_unread_body) {
    discarded_ += size;
    session_->consumed(*this, size);
  }
}

Task<void> Exchange::send_interim(int status, const Fields& fields) {
  if (scope_->cancelled()) {
    throw Cancelled();
  }
  while (session_->is_full() && !is_abandoned()) {
    const bool has_room = co_await session_->output_taken();
    if (!has_room) {
      throw Cancelled();
    }
  }
  if (!head_submitted_) {
    std::vector<nghttp2_nv>& list = worker_.answer_fields();
    list_interim_head(list, status, fields, arena_);
    session_->submit_interim(*this, list);
  }
}

Task<void> Exchange::write(std::string_view bytes) {
  if (bytes.empty()) {
    co_return;
  }
  if (scope_->cancelled()) {
    throw Cancelled();
  }
  begin_stream();
  const std::uint64_t written = body_bytes_sent_ + unsent_bytes();
  if (announced_length_ && bytes.size() > *announced_length_ - written) {
    throw std::length_error("the streamed body is longer than its announced length");
  }
  if (lent_.empty() && unsent_bytes() + bytes.size() <= k_copied_bytes_max) {
    copied_.append(bytes);
    have_data();
    co_return;
  }
  co_await wait_until_drained();
  lent_ = bytes;
  have_data();
  try {
    co_await wait_until_drained();
  } catch (const Cancelled&) {
    // What was lent goes with its owner, so the rest of the body cannot follow.
    lent_ = {};
    session_->reset(*this, NGHTTP2_INTERNAL_ERROR);
    throw;
  }
}

Task<void> Exchange::wait_until_drained() {
  while (unsent_bytes() > 0) {
    drained_.reset();
    const bool is_drained = co_await drained_.wait();
    if (!is_drained) {
      throw Cancelled();
    }
  }
}

}  // namespace uringcorn::http::h2
