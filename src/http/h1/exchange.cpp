// SPDX-License-Identifier: MIT
#include "http/h1/exchange.hpp"

#include <sys/socket.h>

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/made_in_place.hpp"
#include "coro/until_done.hpp"
#include "http/handler_outcome.hpp"
#include "http/method.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

/// Memory of one buffer that an exchange keeps from one lease to the next.
constexpr std::size_t k_kept_buffer_bytes = 16 * 1024;

Clock::time_point now() noexcept {
  return reactor::Reactor::current().now();
}

}  // namespace

Exchange::Exchange(WorkerState& worker)
    : worker_(worker), parser_(worker.head_limits()), body_(worker.head_limits()) {}

void Exchange::begin(ConnectionState& connection) {
  parser_.prepare();
  connection_ = &connection;
  scope_.emplace(connection.scope);
  output_.attach(connection.stream, settings().write_timeout);
  phase_ = Phase::head;
  client_gone_ = false;
  timed_out_ = false;
}

void Exchange::end() noexcept {
  connection_->stream.stop_watching();
  end_request();
  parser_.reset();
  input_.reset(k_kept_buffer_bytes);
  output_.detach(k_kept_buffer_bytes);
  scope_.reset();
  connection_ = nullptr;
}

void Exchange::receive(std::string_view bytes) {
  input_.append(bytes);
}

Exchange::Progress Exchange::advance() {
  while (connection_->ending == Ending::none) {
    std::optional<Progress> wait;
    switch (phase_) {
      case Phase::head:
        wait = read_head();
        break;
      case Phase::handler:
        if (!handler_->done()) {
          return Progress::handler;
        }
        take_answer();
        break;
      case Phase::answer:
        wait = send_answer();
        break;
      case Phase::rest:
        wait = discard_rest();
        break;
    }
    if (wait) {
      return *wait;
    }
  }
  return Progress::closed;
}

Task<void> Exchange::run(Progress progress) {
  while (progress != Progress::idle && progress != Progress::closed) {
    switch (progress) {
      case Progress::head:
        co_await receive_head();
        break;
      case Progress::output:
        co_await flush_or_close();
        break;
      case Progress::handler:
        co_await wait_for_handler();
        break;
      case Progress::large_body:
        co_await send_large_body();
        break;
      case Progress::stream:
        co_await stream_body();
        break;
      case Progress::websocket:
        co_await serve_websocket();
        break;
      case Progress::request_body:
        co_await receive_rest();
        break;
      case Progress::idle:
      case Progress::closed:
        break;
    }
    progress = advance();
  }
  if (progress == Progress::closed && connection_->ending != Ending::reset) {
    connection_->stream.end_follows();
    co_await flush_or_close();
  }
}

Task<void> Exchange::flush_or_close() {
  const net::IoStatus status = co_await output_.flush();
  if (status != net::IoStatus::ok) {
    connection_->ending = Ending::reset;
  }
}

// ---- the life of a request

void Exchange::begin_request() {
  connection_->requests++;
  head_written_ = false;
  is_answered_without_handler_ = false;
  continue_sent_ = false;
  body_bytes_sent_ = 0;
  rest_discarded_ = 0;
  account_.open(connection_->context, head_);
}

/// The answer is on its way, or there will be none. `status` is for the access log.
void Exchange::leave_request(int status) {
  disarm();
  account_.close(head_, response_ ? &*response_ : nullptr, status, body_bytes_sent_);
}

/// Frees what belongs to the request.
void Exchange::end_request() noexcept {
  response_.reset();
  request_.reset();
  body_.forget_trailers();
  trailers_ = Fields();
  head_ = {};
  arena_.reset();
}

/// Answers a request that no handler shall see, and ends the connection.
void Exchange::refuse(int status, std::string_view sentence) {
  if (!account_.is_open()) {
    head_.peer_address = connection_->peer.address();
    if (parser_.has_request_line()) {
      const char* const bytes = input_.unread().data();
      head_.method_name = parser_.head().method.in(bytes);
      head_.target = parser_.head().target.in(bytes);
    }
    begin_request();
  }
  observe::debug("{} {} from {} is refused with {}: {}", head_.method_name, head_.target,
                 connection_->peer.address(), status, sentence);
  const FramingContext context{.is_head = head_.method_name == "HEAD", .keep_alive = false};
  write_error_response(output_.buffer(), status, sentence, context, worker_.date_line().at(now()),
                       worker_.server_line());
  leave_request(status);
  connection_->ending = Ending::linger;
}

// ---- the handler

void Exchange::start_handler() {
  if (settings().request_timeout.count() > 0) {
    arm(now() + settings().request_timeout);
  }
  request_.emplace(head_, static_cast<detail::RequestChannel&>(*this));
  phase_ = Phase::handler;
  try {
    handler_.emplace(connection_->context.application.handle(*request_), *scope_);
  } catch (...) {
    answer_exception(std::current_exception());
    phase_ = Phase::answer;
  }
}

Task<void> Exchange::wait_for_handler() {
  watch_client();
  if (!output_.try_flush()) {
    co_await output_.flush();
  }
  if (output_.status() != net::IoStatus::ok) {
    lose_client();
  }
  co_await coro::UntilDone(*handler_);
  connection_->stream.stop_watching();
}

void Exchange::take_answer() {
  std::exception_ptr error;
  try {
    response_.emplace(MadeInPlace([this] { return handler_->join().await_resume(); }));
  } catch (...) {
    error = std::current_exception();
  }
  handler_.reset();
  phase_ = Phase::answer;
  if (is_answered_without_handler_) {
    end_without_client();
    return;
  }
  if (client_gone_ || connection_->scope.cancelled()) {
    abandon_request();
    return;
  }
  if (error) {
    answer_exception(error);
  }
  correct_answer(*response_, head_);
}

/// Makes the answer to a request whose handler threw.
void Exchange::answer_exception(const std::exception_ptr& error) {
  response_.emplace(answer_to_exception(error, head_, timed_out_));
}

/// Nobody waits for the answer any more.
void Exchange::abandon_request() {
  leave_request(RequestAccount::k_client_closed_request);
  output_.buffer().clear();
  connection_->ending = Ending::plain;
}

/// Keeps a receive pending while the handler, or the producer, waits for something else.
void Exchange::watch_client() {
  if (receiving_body_ || client_gone_ || input_.has_ahead()) {
    return;
  }
  if (const std::optional<net::Received> received = connection_->stream.take_received()) {
    take_ahead(*received);
    return;
  }
  connection_->stream.set_receive_deadline(Clock::time_point::max());
  connection_->stream.begin_receive(connection_->scope, this);
}

void Exchange::receive_ready(net::IoStatus) noexcept {
  if (const std::optional<net::Received> received = connection_->stream.take_received()) {
    take_ahead(*received);
  }
}

void Exchange::take_ahead(const net::Received& received) noexcept {
  if (received.status != net::IoStatus::ok) {
    lose_client();
    return;
  }
  try {
    receive(received.buffer.bytes());
  } catch (const std::bad_alloc&) {
    lose_client();
  }
}

void Exchange::lose_client() noexcept {
  client_gone_ = true;
  scope_->cancel();
}

void Exchange::on_timer() noexcept {
  if (timed_out_) {
    free_client();
    return;
  }
  timed_out_ = true;
  arm(now() + k_end_of_request_time);
  scope_->cancel();
}

/// The handler, or the producer of the answer, does not heed its cancellation. The request goes on
/// until it has ended, but without the client.
void Exchange::free_client() noexcept {
  if (head_written_) {
    ::shutdown(connection_->stream.fd(), SHUT_RDWR);
    return;
  }
  is_answered_without_handler_ = true;
  const FramingContext context{
      .version = facts_.version(), .is_head = head_.method == Method::head, .keep_alive = false};
  try {
    write_error_response(output_.buffer(), k_request_timed_out, k_timed_out_sentence, context,
                         worker_.date_line().at(now()), worker_.server_line());
    output_.try_flush();
  } catch (const std::bad_alloc&) {
    ::shutdown(connection_->stream.fd(), SHUT_RDWR);
  }
}

void Exchange::end_without_client() {
  leave_request(k_request_timed_out);
  connection_->ending = Ending::linger;
}

// ---- the answer

FramingContext Exchange::framing_context() const noexcept {
  return {.version = facts_.version(),
          .is_head = head_.method == Method::head,
          .is_connect = head_.method == Method::connect,
          .keep_alive = may_keep_alive()};
}

bool Exchange::may_keep_alive() const noexcept {
  const std::size_t requests_max = settings().limit_keepalive_requests;
  if (!facts_.wants_keep_alive() || settings().keep_alive.count() == 0 ||
      connection_->context.draining() || scope_->cancelled() || body_.failed() ||
      head_.method == Method::connect ||
      (requests_max > 0 && connection_->requests >= requests_max)) {
    return false;
  }
  if (body_.complete()) {
    return true;
  }
  if (facts_.expects_continue() && !continue_sent_ && !body_.begun()) {
    // Whether the client sends the body after a final answer is anybody's guess.
    return false;
  }
  // A producer may still read the body, however long it is.
  return response_->streamed() || body_.bytes_left().value_or(0) <= settings().limit_unread_body;
}

std::optional<Exchange::Progress> Exchange::send_answer() {
  if (opens_websocket(*response_)) {
    return Progress::websocket;
  }
  const FramingContext context = framing_context();
  const bool is_streamed = response_->streamed();
  std::optional<std::uint64_t> length = response_->length();
  if (!is_streamed && !(length && context.is_head)) {
    length = response_->body().size();
  }
  framing_ = frame_response(response_->status(), length, context);
  if (is_streamed && framing_.body_end != BodyEnd::none) {
    return Progress::stream;
  }
  write_head();
  if (framing_.body_end == BodyEnd::length) {
    const std::string_view body = response_->body();
    if (body.size() > Output::k_copied_bytes_max) {
      return Progress::large_body;
    }
    output_.buffer().append(body);
    body_bytes_sent_ = body.size();
  }
  end_answer();
  return std::nullopt;
}

void Exchange::write_head() {
  head_written_ = true;
  write_response_head(output_.buffer(), response_->status(), response_->fields(), framing_,
                      worker_.date_line().at(now()), worker_.server_line());
}

Task<void> Exchange::send_large_body() {
  const net::IoStatus status = co_await output_.flush_and_send(response_->body());
  if (status != net::IoStatus::ok) {
    connection_->ending = Ending::reset;
  } else {
    body_bytes_sent_ = response_->body().size();
  }
  end_answer();
}

void Exchange::end_answer() {
  leave_request(response_->status());
  phase_ = Phase::rest;
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
      co_await wait_for_producer();
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

Task<void> Exchange::wait_for_producer() {
  if (!head_written_) {
    begin_stream();
  }
  watch_client();
  if (!output_.try_flush()) {
    co_await output_.flush();
  }
  if (output_.status() != net::IoStatus::ok) {
    lose_client();
  }
  co_await coro::UntilDone(*producer_);
  connection_->stream.stop_watching();
}

/// Writes the head of a streamed answer, when it has to be there at last: by then the producer may
/// have read the request's body, which decides whether the connection can be kept.
void Exchange::begin_stream() {
  framing_ = frame_response(response_->status(), response_->length(), framing_context());
  write_head();
}

void Exchange::finish_stream(const std::exception_ptr& error) {
  if (is_answered_without_handler_) {
    end_without_client();
    return;
  }
  if (client_gone_ || connection_->scope.cancelled()) {
    abandon_request();
    return;
  }
  if (error && !head_written_) {
    answer_exception(error);
    return;
  }
  if (error) {
    break_off(error);
    return;
  }
  if (!head_written_) {
    begin_stream();
  }
  if (framing_.body_end == BodyEnd::length && body_bytes_sent_ != *framing_.content_length) {
    break_off(std::make_exception_ptr(
        std::length_error("the streamed body is shorter than its announced length")));
    return;
  }
  if (framing_.body_end == BodyEnd::chunked) {
    end_chunked_body(output_.buffer(), trailers_);
  }
  end_answer();
}

/// Ends the connection so that the client sees that the body is not whole.
void Exchange::break_off(const std::exception_ptr& error) {
  log_broken_answer(error, head_, timed_out_);
  leave_request(response_->status());
  const bool end_means_whole = framing_.body_end == BodyEnd::close;
  connection_->ending = end_means_whole ? Ending::reset : Ending::plain;
}

// ---- after the answer

/// Discards what is left of the request's body, so that the next request can follow.
std::optional<Exchange::Progress> Exchange::discard_rest() {
  if (!framing_.keep_alive || body_.failed() || scope_->cancelled()) {
    const bool is_all_read = body_.complete() && input_.empty();
    const bool client_ends_too = !facts_.wants_keep_alive();
    connection_->ending = is_all_read && client_ends_too ? Ending::plain : Ending::linger;
    return std::nullopt;
  }
  std::string_view data;
  switch (body_.next(input_, data)) {
    case RequestBody::Step::data:
      rest_discarded_ += data.size();
      if (rest_discarded_ > settings().limit_unread_body) {
        connection_->ending = Ending::linger;
      }
      return std::nullopt;
    case RequestBody::Step::failed:
      connection_->ending = Ending::linger;
      return std::nullopt;
    case RequestBody::Step::complete:
      end_request();
      phase_ = Phase::head;
      return std::nullopt;
    case RequestBody::Step::need_input:
      break;
  }
  if (input_.join()) {
    return std::nullopt;
  }
  return output_.try_flush() ? Progress::request_body : Progress::output;
}

Task<void> Exchange::receive_rest() {
  connection_->stream.set_receive_deadline(reactor::deadline_in(settings().body_timeout));
  const net::Received received = co_await connection_->stream.receive();
  if (received.status == net::IoStatus::ok) {
    receive(received.buffer.bytes());
  } else {
    connection_->ending = Ending::plain;
  }
}

}  // namespace uringcorn::http::h1
