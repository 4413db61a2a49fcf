// SPDX-License-Identifier: MIT
#include "http/h1/exchange.hpp"

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "http/method.hpp"
#include "http/percent.hpp"
#include "http/status.hpp"
#include "observe/access_log.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

/// Memory of one buffer that an exchange keeps from one lease to the next.
constexpr std::size_t k_kept_buffer_bytes = 16 * 1024;
/// Pipelined answers are gathered up to this size before they are sent.
constexpr std::size_t k_gathered_output_bytes = 64 * 1024;

Clock::time_point now() noexcept {
  return reactor::Reactor::current().now();
}

/// Waits for the end of a task that was started, and leaves its outcome to be taken.
template <class Join>
class UntilDone {
 public:
  explicit UntilDone(Join join) noexcept : join_(join) {}

  bool await_ready() const noexcept { return join_.await_ready(); }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { join_.await_suspend(awaiting); }
  void await_resume() const noexcept {}

 private:
  Join join_;
};

}  // namespace

Clock::time_point deadline_in(std::chrono::milliseconds timeout) noexcept {
  return timeout.count() == 0 ? Clock::time_point::max() : now() + timeout;
}

Exchange::Exchange(WorkerState& worker)
    : worker_(worker), parser_(worker.head_limits()), body_(worker.head_limits()) {}

void Exchange::begin(ConnectionState& connection) {
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
    co_await flush_or_close();
  }
}

Task<void> Exchange::flush_or_close() {
  const net::IoStatus status = co_await output_.flush();
  if (status != net::IoStatus::ok) {
    connection_->ending = Ending::reset;
  }
}

// ---- the request head

std::optional<Exchange::Progress> Exchange::read_head() {
  if (output_.buffer().size() >= k_gathered_output_bytes && !output_.try_flush()) {
    return Progress::output;
  }
  switch (parser_.parse(input_.unread())) {
    case HeadParser::Result::need_more:
      return input_.join() ? std::nullopt : wait_for_head();
    case HeadParser::Result::failed: {
      const auto [status, sentence] = describe(parser_.error());
      refuse(status, sentence);
      return std::nullopt;
    }
    case HeadParser::Result::complete:
      take_head();
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Exchange::Progress> Exchange::wait_for_head() {
  if (!output_.try_flush()) {
    return Progress::output;
  }
  if (output_.status() != net::IoStatus::ok) {
    connection_->ending = Ending::reset;
    return std::nullopt;
  }
  if (input_.empty()) {
    return Progress::idle;
  }
  if (connection_->head_deadline == Clock::time_point::max()) {
    connection_->head_deadline = deadline_in(settings().request_head_timeout);
  }
  return Progress::head;
}

Task<void> Exchange::receive_head() {
  connection_->stream.set_receive_deadline(connection_->head_deadline);
  const net::Received received = co_await connection_->stream.receive();
  if (received.status == net::IoStatus::ok) {
    receive(received.buffer.bytes());
  } else if (received.status == net::IoStatus::timed_out && !parser_.is_untouched()) {
    refuse(408, "The request head did not arrive in time.");
  } else {
    connection_->ending = Ending::plain;
  }
}

/// Copies the complete head to where it stays for the life of the request, and begins the request.
void Exchange::take_head() {
  const RequestHead& parsed = parser_.head();
  char* const head = arena_.allocate(parsed.size);
  std::memcpy(head, input_.unread().data(), parsed.size);
  input_.consume(parsed.size);
  connection_->head_deadline = Clock::time_point::max();
  facts_ = parsed.facts;
  body_.begin(facts_, settings().limit_request_body);

  const std::span<const FieldSlices> slices = parser_.fields();
  const std::span<Field> fields = arena_.allocate_array<Field>(slices.size());
  for (std::size_t i = 0; i < slices.size(); ++i) {
    fields[i] = {slices[i].name.in(head), slices[i].value.in(head)};
  }
  head_.fields = RequestFields(fields);
  head_.method_name = parsed.method.in(head);
  head_.method = known_method(head_.method_name);
  head_.version_minor = facts_.version() == Version::http_1_0 ? 0 : 1;
  head_.target = parsed.target.in(head);
  head_.authority = parsed.host.in(head);
  head_.peer_address = connection_->peer.address();
  head_.peer_port = connection_->peer.port();
  head_.content_length = facts_.content_length();
  head_.has_body = facts_.has_body();
  const bool has_path = set_path(parsed.target_form, parsed.path_and_query.in(head));
  parser_.reset();
  begin_request();
  if (!has_path) {
    const auto [status, sentence] = describe(HeadError::invalid_target);
    refuse(status, sentence);
  } else if (body_.failed()) {
    const auto [status, sentence] = describe(body_.error());
    refuse(status, sentence);
  } else {
    start_handler();
  }
}

/// False: the path has a "%" that begins no escape, or stands for NUL.
bool Exchange::set_path(TargetForm form, std::string_view path_and_query) {
  const std::size_t question_mark = path_and_query.find('?');
  const std::string_view path = path_and_query.substr(0, question_mark);
  head_.query = question_mark == std::string_view::npos ? std::string_view()
                                                        : path_and_query.substr(question_mark + 1);
  head_.path = path;
  if (form == TargetForm::asterisk || form == TargetForm::authority) {
    head_.path = head_.target;
  } else if (path.empty()) {
    // RFC 9112 section 3.2.4: OPTIONS for an authority without a path asks about the whole server.
    const bool is_of_server = head_.method == Method::options && head_.query.empty();
    head_.path = is_of_server ? "*" : "/";
  } else if (path.find('%') != std::string_view::npos) {
    char* const decoded = arena_.allocate(path.size());
    head_.path = {decoded, decode_percent(path, decoded, PlusSign::literal)};
    return is_well_escaped(path);
  }
  return true;
}

// ---- the life of a request

void Exchange::begin_request() {
  connection_->requests++;
  head_written_ = false;
  continue_sent_ = false;
  body_bytes_sent_ = 0;
  rest_discarded_ = 0;
  if (connection_->context.access_log != nullptr) {
    began_ = Clock::now();
    began_at_ = std::chrono::system_clock::now();
  }
  if (connection_->context.scoreboard != nullptr) {
    token_ = connection_->context.scoreboard->enter_request(head_.method_name, head_.target);
  }
  in_request_ = true;
}

/// The answer is on its way, or there will be none. `status` is for the access log.
void Exchange::leave_request(int status) {
  in_request_ = false;
  disarm();
  connection_->context.requests_served++;
  if (connection_->context.scoreboard != nullptr) {
    connection_->context.scoreboard->leave_request(token_);
  }
  if (connection_->context.access_log != nullptr) {
    record_access(status);
  }
}

/// Frees what belongs to the request.
void Exchange::end_request() noexcept {
  response_.reset();
  request_.reset();
  head_ = {};
  arena_.reset();
}

void Exchange::record_access(int status) {
  observe::AccessRecord record;
  record.time = began_at_;
  record.duration = Clock::now() - began_;
  record.remote_address = connection_->peer.address();
  record.method = head_.method_name;
  record.target = head_.target;
  record.path = head_.target.substr(0, head_.target.find('?'));
  record.query = head_.query;
  record.protocol = head_.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
  record.status = status;
  record.body_bytes = body_bytes_sent_;
  record.request_fields = observe::FieldLookup::of(head_.fields);
  if (response_) {
    record.response_fields = observe::FieldLookup::of(response_->fields());
  }
  connection_->context.access_log->record(record);
}

/// Answers a request that no handler shall see, and ends the connection.
void Exchange::refuse(int status, std::string_view sentence) {
  if (!in_request_) {
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
  co_await UntilDone(handler_->join());
  connection_->stream.stop_watching();
}

void Exchange::take_answer() {
  std::exception_ptr error;
  try {
    response_.emplace(handler_->join().await_resume());
  } catch (...) {
    error = std::current_exception();
  }
  handler_.reset();
  phase_ = Phase::answer;
  if (client_gone_ || connection_->scope.cancelled()) {
    abandon_request();
    return;
  }
  if (error) {
    answer_exception(error);
  }
  if (head_.method == Method::connect &&
      (response_->status() == 404 || response_->status() == 405)) {
    response_.emplace(Response::error(501, "Nothing here opens tunnels."));
  }
  if (response_->status() < 200 || response_->status() > k_status_max) {
    observe::error("{} {}: the handler answered with the status {}, which cannot end a request",
                   head_.method_name, head_.target, response_->status());
    response_.emplace(Response::error(500));
  }
}

/// Makes the answer to a request whose handler threw.
void Exchange::answer_exception(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const HttpError& http_error) {
    response_.emplace(Response::error(http_error.status(), http_error.what()));
    return;
  } catch (const Cancelled&) {
    if (timed_out_) {
      response_.emplace(Response::error(504, "The request took longer than request-timeout."));
      return;
    }
  } catch (...) {
  }
  log_exception(error);
  response_.emplace(Response::error(500));
}

void Exchange::log_exception(const std::exception_ptr& error) const {
  std::string what = "an exception that is no std::exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
  }
  observe::error("{} {}: exception in the handler: {}", head_.method_name, head_.target, what);
}

/// Nobody waits for the answer any more.
void Exchange::abandon_request() {
  constexpr int k_client_closed_request = 499;  // as nginx logs it
  leave_request(k_client_closed_request);
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
  timed_out_ = true;
  scope_->cancel();
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
      connection_->context.draining || scope_->cancelled() || body_.failed() ||
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
  co_await UntilDone(producer_->join());
  connection_->stream.stop_watching();
}

/// Writes the head of a streamed answer, when it has to be there at last: by then the producer may
/// have read the request's body, which decides whether the connection can be kept.
void Exchange::begin_stream() {
  framing_ = frame_response(response_->status(), response_->length(), framing_context());
  write_head();
}

void Exchange::finish_stream(const std::exception_ptr& error) {
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
    end_chunked_body(output_.buffer());
  }
  end_answer();
}

/// Ends the connection so that the client sees that the body is not whole.
void Exchange::break_off(const std::exception_ptr& error) {
  if (timed_out_) {
    observe::warning("{} {}: the answer took longer than request-timeout and was broken off",
                     head_.method_name, head_.target);
  } else {
    log_exception(error);
  }
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
  connection_->stream.set_receive_deadline(deadline_in(settings().body_timeout));
  const net::Received received = co_await connection_->stream.receive();
  if (received.status == net::IoStatus::ok) {
    receive(received.buffer.bytes());
  } else {
    connection_->ending = Ending::plain;
  }
}

}  // namespace uringcorn::http::h1
