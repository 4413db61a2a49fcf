// SPDX-License-Identifier: MIT
#include "http/h1/exchange.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "http/forwarded.hpp"
#include "http/percent.hpp"
#include "observe/access_log.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

using namespace std::chrono_literals;

/// Bytes that are kept of what a client sends ahead while its handler waits.
constexpr std::size_t k_read_ahead_max = 16 << 10;
/// A body up to this size is copied behind its head, to go out by one call.
constexpr std::size_t k_copied_body_max = 16 << 10;

Method method_of(std::string_view name) noexcept {
  constexpr std::pair<std::string_view, Method> k_methods[] = {
      {"GET", Method::get},         {"HEAD", Method::head},       {"POST", Method::post},
      {"PUT", Method::put},         {"PATCH", Method::patch},     {"DELETE", Method::del},
      {"OPTIONS", Method::options}, {"CONNECT", Method::connect}, {"TRACE", Method::trace},
  };
  for (const auto& [known, method] : k_methods) {
    if (name == known) {
      return method;
    }
  }
  return Method::other;
}

}  // namespace

Exchange::Exchange(Protocol& protocol, net::Stream& stream, const net::Peer& peer,
                   Workspace& workspace, Output& output, CancelScope& connection_scope,
                   bool may_keep_alive)
    : protocol_(protocol),
      settings_(protocol.context().settings),
      stream_(stream),
      peer_(peer),
      workspace_(workspace),
      output_(output),
      connection_scope_(connection_scope),
      body_(workspace.parser.head().facts, settings_.limit_request_body, protocol.limits()),
      request_(head_, *this),
      start_(reactor::Reactor::current().now()),
      may_keep_alive_(may_keep_alive),
      expects_continue_(workspace.parser.head().facts.expects_continue()) {
  if (protocol.context().access_log != nullptr) {
    wall_time_ = std::chrono::system_clock::now();
  }
}

Exchange::~Exchange() {
  protocol_.context().requests_served++;
  if (observe::ScoreboardSlot* slot = protocol_.context().scoreboard) {
    slot->leave_request(token_);
  }
}

Task<Outcome> Exchange::run() {
  const bool taken = take_head();
  if (observe::ScoreboardSlot* slot = protocol_.context().scoreboard) {
    token_ = slot->enter_request(head_.method_name, head_.target);
  }
  if (!taken) {
    may_keep_alive_ = false;
    refuse(400, "The path of the request target is not well escaped.");
  } else if (body_.error() != BodyError::none) {
    const ErrorDescription error = describe(body_.error());
    refuse(error.status, error.sentence);
  } else if (head_.method == Method::connect && !protocol_.context().application.takes_connect()) {
    may_keep_alive_ = false;
    refuse(501, "This server makes no tunnels.");
  } else {
    co_await handle();
  }
  const Outcome outcome = co_await finish();
  co_return outcome;
}

// ---- the request -----------------------------------------------------------------------------

/// Copies the head from the input into the arena, where it stays for the request's life. False: its
/// target means nothing.
bool Exchange::take_head() {
  const RequestHead& parsed = workspace_.parser.head();
  char* const head = workspace_.arena.allocate(parsed.size);
  std::memcpy(head, workspace_.input.bytes().data(), parsed.size);
  workspace_.input.consume(parsed.size);

  head_.method_name = parsed.method.in(head);
  head_.method = method_of(head_.method_name);
  head_.version_minor = parsed.facts.version() == Version::http_1_1 ? 1 : 0;
  head_.target = parsed.target.in(head);
  head_.authority = parsed.host.in(head);
  head_.peer_address = peer_.address();
  head_.peer_port = peer_.port();
  head_.fields = RequestFields(copy_fields(head));
  head_.content_length = parsed.facts.content_length();
  head_.has_body = parsed.facts.has_body();
  apply_forwarded(head_, peer_, settings_.forwarded_allow_ips, workspace_.arena);
  switch (parsed.target_form) {
    case TargetForm::asterisk:
    case TargetForm::authority:
      head_.path = head_.target;
      return true;
    case TargetForm::origin:
    case TargetForm::absolute:
      return split_target(parsed.path_and_query.in(head));
  }
  return false;
}

bool Exchange::split_target(std::string_view path_and_query) {
  const std::size_t mark = path_and_query.find('?');
  std::string_view path = path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) {
    head_.query = path_and_query.substr(mark + 1);
  }
  if (path.find('%') != std::string_view::npos) {
    if (!is_well_escaped(path)) {
      return false;
    }
    char* const decoded = workspace_.arena.allocate(path.size());
    path = {decoded, decode_percent(path, decoded, PlusSign::literal)};
  }
  head_.path = path.empty() ? "/" : path;
  return true;
}

std::span<const Field> Exchange::copy_fields(const char* head) {
  const std::span<const FieldSlices> slices = workspace_.parser.fields();
  auto* const fields =
      reinterpret_cast<Field*>(workspace_.arena.allocate(slices.size() * sizeof(Field)));
  for (std::size_t i = 0; i < slices.size(); i++) {
    new (&fields[i]) Field{slices[i].name.in(head), slices[i].value.in(head)};
  }
  return {fields, slices.size()};
}

// ---- the handler -----------------------------------------------------------------------------

Task<void> Exchange::handle() {
  std::exception_ptr unexpected;
  try {
    RunningTask<Response> running(protocol_.context().application.handle(request_), scope_);
    if (!running.done()) {
      co_await let_it_wait();
    }
    Response response = co_await running.join();
    co_await answer_with(std::move(response));
    co_return;
  } catch (const HttpError& error) {
    refuse(error.status(), error.what());
  } catch (const Cancelled&) {
    if (timed_out_) {
      refuse(504, "The request took too long.");
    } else if (scope_.cancelled()) {
      broken_off_ = true;
    } else {
      unexpected = std::current_exception();
    }
  } catch (const std::exception& error) {
    log_failure(error.what());
    refuse(500, "The server failed to answer this request.");
  } catch (...) {
    unexpected = std::current_exception();
  }
  if (unexpected) {
    log_failure("an exception that is no std::exception");
    refuse(500, "The server failed to answer this request.");
  }
}

/// The handler is not done: what stands before its answer goes out, and the client is watched.
Task<void> Exchange::let_it_wait() {
  handler_waits_ = true;
  workspace_.input.own();
  if (settings_.request_timeout != 0ms && !timeout_.armed()) {
    timeout_.arm(start_ + settings_.request_timeout);
  }
  watch_client();
  if (!output_.busy() && !output_.buffer().empty()) {
    const net::IoStatus status = co_await output_.flush();
    if (status != net::IoStatus::ok) {
      client_gone_ = true;
      scope_.cancel();
    }
  }
}

void Exchange::stop_waiting() noexcept {
  handler_waits_ = false;
  timeout_.disarm();
  stream_.stop_watching();
}

/// Keeps a receive pending, which becomes the next one that somebody waits for; if it sees the end
/// of the connection first, the handler is cancelled.
void Exchange::watch_client() noexcept {
  if (handler_waits_ && !client_ended_ && workspace_.input.bytes().size() < k_read_ahead_max) {
    stream_.set_receive_deadline(Clock::time_point::max());
    stream_.begin_receive(connection_scope_, this);
  }
}

void Exchange::receive_ready(net::IoStatus status) noexcept {
  net::Received received = stream_.take_received();
  if (status == net::IoStatus::ok) {
    workspace_.input.add(std::move(received.buffer));
    workspace_.input.own();
    return;
  }
  client_ended_ = true;
  client_gone_ = true;
  scope_.cancel();
}

void Exchange::log_failure(const char* what) const {
  observe::error("error handling request {} {}: {}", head_.method_name, head_.target, what);
}

std::size_t Exchange::text_limit() const noexcept { return settings_.limit_request_text; }

// ---- the request's body ------------------------------------------------------------------------

Task<std::string_view> Exchange::read_body() {
  if (body_.error() != BodyError::none) {
    fail_body(body_.error());
  }
  if (std::exchange(expects_continue_, false)) {
    co_await send_interim(100, Fields());
  }
  while (!body_.finished()) {
    if (workspace_.input.empty()) {
      co_await receive_body();
    }
    const BodyReader::Step step = body_.read(workspace_.input.bytes());
    // A copy, because the handler may keep it for as long as it likes, but a lent buffer may not
    // be kept from the other connections.
    workspace_.body.clear();
    workspace_.body.append(step.data);
    workspace_.input.consume(step.consumed);
    if (body_.error() != BodyError::none) {
      fail_body(body_.error());
    }
    if (!step.data.empty()) {
      watch_client();
      co_return workspace_.body.view();
    }
  }
  watch_client();
  co_return std::string_view();
}

Task<void> Exchange::receive_body() {
  if (client_ended_) {
    fail_body(BodyError::ended_early);
  }
  if (settings_.body_timeout != 0ms) {
    stream_.set_receive_deadline(reactor::Reactor::current().now() + settings_.body_timeout);
  }
  net::Received received = co_await stream_.receive();
  stream_.set_receive_deadline(Clock::time_point::max());
  switch (received.status) {
    case net::IoStatus::ok:
      workspace_.input.add(std::move(received.buffer));
      break;
    case net::IoStatus::timed_out:
      fail_body(BodyError::timed_out);
    case net::IoStatus::end:
      client_ended_ = true;
      fail_body(BodyError::ended_early);
    case net::IoStatus::cancelled:
      throw Cancelled();
    case net::IoStatus::broken:
      client_ended_ = client_gone_ = true;
      scope_.cancel();
      throw Cancelled();
  }
}

void Exchange::fail_body(BodyError error) {
  body_.fail(error);
  const ErrorDescription description = describe(error);
  throw HttpError(description.status, std::string(description.sentence));
}

/// Reads what the handler left of the body, up to a bound. True: the next request follows.
Task<bool> Exchange::drain_body() {
  std::size_t drained = 0;
  while (!body_.finished()) {
    if (workspace_.input.empty()) {
      const net::IoStatus status = co_await output_.flush();
      if (status != net::IoStatus::ok || client_ended_) {
        co_return false;
      }
      try {
        co_await receive_body();
      } catch (const std::exception&) {
        co_return false;
      }
    }
    const BodyReader::Step step = body_.read(workspace_.input.bytes());
    workspace_.input.consume(step.consumed);
    drained += step.consumed;
    if (body_.error() != BodyError::none || drained > settings_.limit_unread_body) {
      co_return false;
    }
  }
  co_return true;
}

// ---- the answer --------------------------------------------------------------------------------

/// Whether another request can follow, as far as is known before the answer's head is written.
bool Exchange::can_keep_alive() const noexcept {
  if (!may_keep_alive_ || protocol_.context().draining || client_ended_ ||
      body_.error() != BodyError::none) {
    return false;
  }
  if (body_.finished()) {
    return true;
  }
  // A client that waits for 100 may send the body or not: where the next request begins is unknown.
  return !expects_continue_ && body_.remaining().value_or(0) <= settings_.limit_unread_body &&
         settings_.limit_unread_body != 0;
}

ResponseFraming Exchange::frame(int status, std::optional<std::uint64_t> length) {
  const RequestFacts& facts = workspace_.parser.head().facts;
  framing_ = frame_response(status, length,
                            {.version = facts.version(),
                             .is_head = head_.method == Method::head,
                             .is_connect = head_.method == Method::connect,
                             .keep_alive = facts.wants_keep_alive() && can_keep_alive()});
  status_ = status;
  answered_ = true;
  return framing_;
}

Task<void> Exchange::answer_with(Response response) {
  stop_waiting();
  if (output_.status() != net::IoStatus::ok) {
    broken_off_ = true;
    co_return;
  }
  const bool streamed = response.streamed();
  const std::string_view body = response.body();
  frame(response.status(), streamed ? response.length() : std::optional(body.size()));
  write_response_head(output_.buffer(), status_, response.fields(), framing_,
                      protocol_.date_line(), protocol_.server_line());
  if (framing_.body_end != BodyEnd::none) {
    if (streamed) {
      body_length_ = response.length();
      co_await run_producer(response);
    } else if (body.size() <= k_copied_body_max) {
      output_.buffer().append(body);
      body_bytes_ = body.size();
    } else {
      workspace_.input.own();
      body_bytes_ = body.size();
      co_await output_.flush(body);
    }
  }
  record(&response.fields());
}

/// Streams the body. Whatever goes wrong now can only be told by breaking the connection off.
Task<void> Exchange::run_producer(Response& response) {
  try {
    RunningTask<void> running(response.producer()(*this), scope_);
    if (!running.done()) {
      co_await let_it_wait();
    }
    co_await running.join();
    if (body_length_ && body_bytes_ != *body_length_) {
      throw std::length_error("the streamed body is shorter than the length that was announced");
    }
  } catch (const Cancelled&) {
    broken_off_ = true;
  } catch (const std::exception& error) {
    log_failure(error.what());
    broken_off_ = true;
  } catch (...) {
    log_failure("an exception that is no std::exception");
    broken_off_ = true;
  }
  stop_waiting();
  if (!broken_off_ && framing_.body_end == BodyEnd::chunked) {
    end_chunked_body(output_.buffer());
  }
}

Task<void> Exchange::write(std::string_view bytes) {
  if (bytes.empty()) {
    co_return;
  }
  co_await output_.until_free();
  if (body_length_ && bytes.size() > *body_length_ - body_bytes_) {
    throw std::length_error("the streamed body is longer than the length that was announced");
  }
  body_bytes_ += bytes.size();
  workspace_.input.own();
  const bool chunked = framing_.body_end == BodyEnd::chunked;
  if (chunked) {
    begin_chunk(output_.buffer(), bytes.size());
  }
  const net::IoStatus status = co_await output_.flush(bytes);
  if (chunked && status == net::IoStatus::ok) {
    end_chunk(output_.buffer());
  }
  if (status != net::IoStatus::ok) {
    client_gone_ = true;
    scope_.cancel();
  }
  if (scope_.cancelled()) {
    throw Cancelled();
  }
}

Task<void> Exchange::send_interim(int status, const Fields& fields) {
  if (head_.version_minor == 0 || answered_) {
    co_return;
  }
  co_await output_.until_free();
  write_interim_response(output_.buffer(), status, fields);
  workspace_.input.own();
  const net::IoStatus sent = co_await output_.flush();
  if (sent != net::IoStatus::ok) {
    client_gone_ = true;
    scope_.cancel();
    throw Cancelled();
  }
}

/// Answers with a small page of our own.
void Exchange::refuse(int status, std::string_view sentence) {
  stop_waiting();
  if (answered_ || output_.status() != net::IoStatus::ok) {
    broken_off_ = true;
    return;
  }
  frame(status, 0);
  write_error_response(output_.buffer(), status, sentence,
                       {.version = workspace_.parser.head().facts.version(),
                        .is_head = head_.method == Method::head,
                        .is_connect = head_.method == Method::connect,
                        .keep_alive = framing_.keep_alive},
                       protocol_.date_line(), protocol_.server_line());
  record(nullptr);
}

/// What follows on the connection.
Task<Outcome> Exchange::finish() {
  stop_waiting();
  if (broken_off_ || client_gone_ || output_.status() != net::IoStatus::ok) {
    co_return Outcome::broken;
  }
  if (framing_.keep_alive) {
    const bool drained = body_.finished() || co_await drain_body();
    co_return drained ? Outcome::next_request : Outcome::linger;
  }
  const bool client_expects_it =
      !workspace_.parser.head().facts.wants_keep_alive() && body_.finished();
  co_return client_expects_it && workspace_.input.empty() ? Outcome::close : Outcome::linger;
}

void Exchange::record(const Fields* fields) {
  observe::AccessLog* const log = protocol_.context().access_log;
  if (log == nullptr) {
    return;
  }
  const Fields none{};
  log->record({.time = wall_time_,
               .duration = Clock::now() - start_,
               .remote_address = head_.peer_address,
               .method = head_.method_name,
               .target = head_.target,
               .path = head_.target.substr(0, head_.target.find('?')),
               .query = head_.query,
               .protocol = head_.version_minor == 1 ? "HTTP/1.1" : "HTTP/1.0",
               .request_id = {},
               .status = status_,
               .body_bytes = body_bytes_,
               .request_fields = observe::FieldLookup::of(head_.fields),
               .response_fields = observe::FieldLookup::of(fields == nullptr ? none : *fields)});
}

}  // namespace uringcorn::http::h1
