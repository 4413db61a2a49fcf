// SPDX-License-Identifier: MIT
#include "http/h2/exchange.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include "coro/until_done.hpp"
#include "http/forwarded.hpp"
#include "http/h2/answer_head.hpp"
#include "http/h2/session.hpp"
#include "http/handler_outcome.hpp"
#include "http/response_fields.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h2 {
namespace {

/// Memory of one buffer that an exchange keeps from one lease to the next.
constexpr std::size_t k_kept_buffer_bytes = 16 * 1024;

/// The same while a stream waits for more to send, as a WebSocket does for hours.
constexpr std::size_t k_idle_buffer_bytes = 2 * 1024;

constexpr std::string_view k_date_name = "Date: ";
constexpr std::string_view k_line_end = "\r\n";

std::string_view value_of(std::string_view date_line) noexcept {
  date_line.remove_prefix(k_date_name.size());
  date_line.remove_suffix(k_line_end.size());
  return date_line;
}

}  // namespace

Exchange::Exchange(WorkerState& worker)
    : worker_(worker),
      builder_(worker.head_limits(), worker.settings().http2_max_header_list_size, arena_),
      trailers_(worker.head_limits()) {}

void Exchange::open(Session& session, std::int32_t id) {
  session_ = &session;
  id_ = id;
  scope_.emplace(session.scope());
  head_error_ = HeadError::none;
  announced_length_.reset();
  reset_after_answer_.reset();
  body_bytes_sent_ = 0;
  discarded_ = 0;
  has_head_ = head_submitted_ = answer_is_sent_ = no_more_data_ = false;
  continue_sent_ = timed_out_ = client_is_freed_ = closed_ = false;
}

void Exchange::recycle() noexcept {
  take_close();
  response_.reset();
  request_.reset();
  builder_.reset();
  trailers_.reset();
  answer_trailers_ = Fields();
  body_.reset(k_kept_buffer_bytes);
  head_ = {};
  arena_.reset();
  own_arena_.reset();
  copied_.clear();
  if (copied_.capacity() > k_kept_buffer_bytes) {
    copied_.release();
  }
  copied_sent_ = 0;
  lent_ = {};
  scope_.reset();
  session_ = nullptr;
}

// ---- what comes

void Exchange::take_field(std::string_view name, std::string_view value) {
  if (has_head_) {
    trailers_.take(name, value);
  } else {
    builder_.add(name, value);
  }
}

void Exchange::take_head(bool ends_stream) {
  has_head_ = true;
  head_error_ = builder_.finish(head_, ends_stream);
  const net::Peer& peer = session_->peer();
  head_.peer_address = peer.address();
  head_.peer_port = peer.port();
  head_.https = session_->stream().is_tls();
  head_.client_certificate = session_->stream().client_certificate();
  if (head_.websocket) {
    body_.begin(!ends_stream, std::nullopt, 0);  // no body: messages have limits of their own
  } else {
    body_.begin(!ends_stream, head_.content_length, settings().limit_request_body);
  }
  if (head_error_ != HeadError::none) {
    return;
  }
  apply_forwarded(head_, peer, settings().forwarded_allow_ips, arena_);
  const bool has_path = builder_.target_form() == TargetForm::origin;
  if (!set_path(head_, builder_.target_form(), has_path ? head_.target : std::string_view(),
                arena_)) {
    head_error_ = HeadError::invalid_target;
  }
}

bool Exchange::take_data(std::string_view bytes) {
  const bool is_good = body_.append(bytes);
  if (rest_timer_.armed()) {
    discard();
  }
  body_came_.set();
  return is_good;
}

bool Exchange::take_end() {
  const bool is_whole = body_.end();
  body_came_.set();
  return is_whole && trailers_.is_good();
}

void Exchange::take_close() noexcept {
  closed_ = true;
  for (MemberTimer* timer : {&request_timer_, &body_timer_, &stall_timer_, &rest_timer_}) {
    timer->disarm();
  }
  if (account_.is_open() && !client_is_freed_ && tunnel_ == nullptr) {
    close_account(head_submitted_ ? response_->status() : RequestAccount::k_client_closed_request);
  }
  abandon();
}

// ---- its life

Task<void> Exchange::run() {
  account_.open(session_->context(), head_);
  if (head_error_ != HeadError::none) {
    const auto [status, sentence] = describe(head_error_);
    // A malformed request ends in a stream error, and a page may say why (RFC 9113 section 8.1.1).
    if (status == 400) {
      reset_after_answer_ = NGHTTP2_PROTOCOL_ERROR;
    }
    refuse(status, sentence);
  } else if (body_.failed()) {
    const auto [status, sentence] = describe(body_.error());
    refuse(status, sentence);
  } else {
    co_await answer();
  }
  if (client_is_freed_) {
    close_account(response_->status());
  }
}

/// Answers a request that no handler shall see.
void Exchange::refuse(int status, std::string_view sentence) {
  observe::debug("{} {} from {} is refused with {}: {}", head_.method_name, head_.target,
                 session_->peer().address(), status, sentence);
  response_.emplace(Response::error(status, sentence));
  submit_answer(arena_);
}

Task<void> Exchange::answer() {
  if (settings().request_timeout.count() > 0) {
    request_timer_.arm(reactor::deadline_in(settings().request_timeout));
  }
  request_.emplace(head_, static_cast<detail::RequestChannel&>(*this));
  std::optional<Response> response;
  std::exception_ptr error;
  try {
    Task<Response> handling = session_->context().application.handle(*request_);
    response.emplace(co_await std::move(handling).in(*scope_));
  } catch (...) {
    error = std::current_exception();
  }
  if (client_is_freed_ || is_abandoned()) {
    co_return;
  }
  if (error) {
    response.emplace(answer_to_exception(error, head_, timed_out_));
  }
  response_ = std::move(response);
  correct_answer(*response_, head_);
  if (opens_websocket(*response_)) {
    const bool is_answered = co_await serve_websocket();
    if (is_answered || client_is_freed_ || is_abandoned()) {
      co_return;
    }
  }
  const bool is_head = head_.method == Method::head;
  const bool is_connect = head_.method == Method::connect;
  if (response_->streamed() &&
      frame_body(response_->status(), std::nullopt, is_head, is_connect).has_body) {
    co_await stream_body();
  } else {
    submit_answer(arena_);
  }
}

/// Nobody waits for an answer.
bool Exchange::is_abandoned() const noexcept {
  return closed_ || session_->is_gone() || session_->scope().cancelled();
}

void Exchange::close_account(int status) {
  account_.close(head_, response_ ? &*response_ : nullptr, status, body_bytes_sent_);
}

void Exchange::request_time_is_over() noexcept {
  if (timed_out_) {
    if (busy_) {
      free_client();
    }
    return;
  }
  timed_out_ = true;
  request_timer_.arm(reactor::Reactor::current().now() + k_end_of_request_time);
  scope_->cancel();
  if (head_submitted_ && !producer_) {
    break_off(nullptr);
  }
}

/// The handler, or the producer of the answer, does not heed its cancellation. The request goes on
/// until it has ended, but without the client.
void Exchange::free_client() noexcept {
  client_is_freed_ = true;
  if (head_submitted_) {
    break_off(nullptr);
    return;
  }
  try {
    response_.emplace(Response::error(k_request_timed_out, k_timed_out_sentence));
    submit_answer(own_arena_);
  } catch (const std::bad_alloc&) {
    session_->reset(*this, NGHTTP2_INTERNAL_ERROR);
  }
}

void Exchange::body_is_late() noexcept {
  body_.fail(BodyError::timed_out);
  body_came_.set();
}

/// The client has given no room for the answer for so long that nobody waits for it any more.
void Exchange::answer_stands_still() noexcept {
  const Clock::time_point give_up = progress_at_ + settings().write_timeout;
  if (reactor::Reactor::current().now() < give_up) {
    stall_timer_.arm(give_up);
    return;
  }
  observe::debug("{} {}: the client takes nothing of the answer", head_.method_name, head_.target);
  session_->reset(*this, NGHTTP2_CANCEL);
}

/// The client has had its answer, and had time to see it.
void Exchange::rest_does_not_end() noexcept {
  session_->reset(*this, NGHTTP2_NO_ERROR);
}

// ---- the answer

void Exchange::submit_answer(detail::Arena& arena) {
  const bool is_head = head_.method == Method::head;
  std::optional<std::uint64_t> length = response_->length();
  if (!response_->streamed() && !(length && is_head)) {
    length = response_->body().size();
  }
  const BodyFraming framing =
      frame_body(response_->status(), length, is_head, head_.method == Method::connect);
  no_more_data_ = true;
  if (framing.has_body) {
    lent_ = response_->body();
  }
  submit_head(framing.has_body && !lent_.empty(), framing.content_length, arena);
}

void Exchange::submit_head(bool has_body, std::optional<std::uint64_t> length,
                           detail::Arena& arena) {
  head_submitted_ = true;
  std::vector<nghttp2_nv>& fields = worker_.answer_fields();
  const Clock::time_point now = reactor::Reactor::current().now();
  list_answer_head(fields,
                   {.status = response_->status(),
                    .content_length = length,
                    .date = value_of(worker_.date_line().at(now)),
                    .server = settings().server_header},
                   response_->fields(), arena);
  session_->submit_answer(*this, fields, has_body);
  if (has_body) {
    have_data();
  }
}

/// There is something to send, or the end to tell.
void Exchange::have_data() noexcept {
  if (!stall_timer_.armed() && settings().write_timeout.count() > 0) {
    progress_at_ = reactor::Reactor::current().now();
    stall_timer_.arm(progress_at_ + settings().write_timeout);
  }
  session_->resume(*this);
}

Exchange::Piece Exchange::next_data(std::size_t size_max) const noexcept {
  const std::size_t size = unsent_bytes();
  if (size == 0 && !no_more_data_) {
    return {Data::none_yet, 0};
  }
  const bool is_last = no_more_data_ && size <= size_max;
  return {is_last ? Data::last : Data::some, std::min(size, size_max)};
}

const std::vector<nghttp2_nv>& Exchange::list_trailers() {
  std::vector<nghttp2_nv>& list = worker_.answer_fields();
  list_trailer_section(list, answer_trailers_, arena_);
  return list;
}

void Exchange::write_data(ByteBuffer& out, std::size_t size) {
  body_bytes_sent_ += size;
  progress_at_ = reactor::Reactor::current().now();
  const std::string_view copied = copied_.view().substr(copied_sent_, size);
  out.append(copied);
  copied_sent_ += copied.size();
  out.append(lent_.substr(0, size - copied.size()));
  lent_.remove_prefix(size - copied.size());
  if (copied_sent_ == copied_.size()) {
    copied_.clear();
    copied_sent_ = 0;
    if (copied_.capacity() > k_idle_buffer_bytes) {
      copied_.release();
    }
  }
  if (unsent_bytes() == 0) {
    stall_timer_.disarm();
    drained_.set();
  }
}

void Exchange::answer_sent() {
  answer_is_sent_ = true;
  request_timer_.disarm();
  stall_timer_.disarm();
  if (tunnel_ != nullptr) {
    return;  // the client's side of it ends by itself, or is ended
  }
  if (account_.is_open() && !client_is_freed_) {
    close_account(response_->status());
  }
  if (reset_after_answer_) {
    session_->reset(*this, *reset_after_answer_);
  } else if (!body_.ended()) {
    begin_to_discard();
  }
}

void Exchange::answer_failed(std::string_view reason) {
  observe::error("{} {}: the answer could not be sent: {}", head_.method_name, head_.target,
                 reason);
  session_->reset(*this, NGHTTP2_INTERNAL_ERROR);
}

Task<void> Exchange::stream_body() {
  std::exception_ptr error;
  try {
    producer_.emplace(response_->producer()(*this), *scope_);
  } catch (...) {
    error = std::current_exception();
  }
  if (producer_) {
    if (!producer_->done()) {
      begin_stream();
      co_await coro::UntilDone(*producer_);
    }
    try {
      producer_->join().await_resume();
    } catch (...) {
      error = std::current_exception();
    }
    producer_.reset();
  }
  finish_stream(error);
}

void Exchange::begin_stream() {
  if (!head_submitted_) {
    announced_length_ = response_->length();
    submit_head(true, announced_length_, arena_);
  }
}

void Exchange::finish_stream(const std::exception_ptr& error) {
  if (client_is_freed_ || is_abandoned()) {
    return;
  }
  if (error && !head_submitted_) {
    response_.emplace(answer_to_exception(error, head_, timed_out_));
    submit_answer(arena_);
    return;
  }
  if (error) {
    break_off(error);
    return;
  }
  begin_stream();
  const std::uint64_t written = body_bytes_sent_ + unsent_bytes();
  if (announced_length_ && written != *announced_length_) {
    break_off(std::make_exception_ptr(
        std::length_error("the streamed body is shorter than its announced length")));
    return;
  }
  no_more_data_ = true;
  have_data();
}

/// Ends the stream so that the client sees that the body is not whole.
void Exchange::break_off(const std::exception_ptr& error) {
  log_broken_answer(error, head_, timed_out_);
  session_->reset(*this, NGHTTP2_INTERNAL_ERROR);
}

}  // namespace uringcorn::http::h2
