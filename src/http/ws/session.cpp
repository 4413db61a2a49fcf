// SPDX-License-Identifier: MIT
#include "http/ws/session.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <stdexcept>
#include <utility>

#include "base/utf8_validator.hpp"
#include "coro/until_done.hpp"
#include "http/handler_outcome.hpp"
#include "http/request_access.hpp"
#include "http/ws/frame_writer.hpp"
#include "http/ws/handshake.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::ws {
namespace {

/// A handler that receives has so long to answer what came before the client's Close.
constexpr auto k_close_courtesy = std::chrono::seconds(1);

constexpr std::uint16_t number(CloseCode code) noexcept {
  return static_cast<std::uint16_t>(code);
}

DeflatePolicy policy_of(settings::WebSocketCompression setting) noexcept {
  switch (setting) {
    case settings::WebSocketCompression::off:
      return DeflatePolicy::refused;
    case settings::WebSocketCompression::message:
      return DeflatePolicy::without_context;
    case settings::WebSocketCompression::context:
      return DeflatePolicy::with_context;
  }
  return DeflatePolicy::refused;
}

}  // namespace

Session::Session(Transport& transport, ServerContext& context, Request& request,
                 const Response& answer, CancelScope& handler_scope, CancelScope& scope) noexcept
    : transport_(transport),
      context_(context),
      request_(request),
      head_(RequestAccess::head(request)),
      answer_(answer),
      handler_scope_(handler_scope),
      drain_scope_(scope),
      tasks_(scope),
      inbox_(context.settings.websocket_queue),
      outbox_(transport, context.settings.write_timeout) {}

// ---- the handshake

void Session::start() {
  handler_.emplace(run_handler(), handler_scope_);
}

void Session::accept(WebSocketAcceptance acceptance) {
  if (state_ != State::opening || refusal_) {
    throw std::logic_error("the WebSocket was accepted or rejected before");
  }
  std::string protocol = choose_protocol(acceptance.protocol);
  Fields fields = answer_.fields();
  for (const Field field : acceptance.fields) {
    fields.add(field.name, field.value);
  }
  if (!protocol.empty()) {
    fields.set("Sec-WebSocket-Protocol", protocol);
  }
  const settings::Settings& settings = context_.settings;
  const auto extensions = values_of(head_.fields, "Sec-WebSocket-Extensions");
  compression_ =
      answer_deflate_offers(extensions, policy_of(settings.websocket_compression)).accepted;
  if (compression_) {
    fields.set("Sec-WebSocket-Extensions", compression_->to_string());
  }
  parser_.emplace(settings.websocket_max_frame != 0 ? settings.websocket_max_frame
                                                    : settings.websocket_max_message,
                  compression_.has_value());
  assembler_.emplace(settings.websocket_max_message, compression_);
  transport_.open(std::move(fields), outbox_.buffer());
  protocol_ = std::move(protocol);
  state_ = State::open;
  decision_.set();
  flush();
  tasks_.spawn(close_at_drain().in(drain_scope_));
}

void Session::accept_unless_accepted() {
  if (state_ == State::opening) {
    accept({});
  }
}

std::string Session::choose_protocol(const std::optional<std::string>& wanted) const {
  const std::vector<std::string_view> offered = offered_protocols();
  const auto is_offered = [&offered](std::string_view protocol) {
    return std::find(offered.begin(), offered.end(), protocol) != offered.end();
  };
  if (wanted) {
    if (!wanted->empty() && !is_offered(*wanted)) {
      throw std::invalid_argument("the client does not offer the subprotocol \"" + *wanted + "\"");
    }
    return *wanted;
  }
  const std::vector<std::string>& spoken = answer_.upgrade()->options.protocols;
  const auto best = std::find_if(spoken.begin(), spoken.end(), is_offered);
  return best == spoken.end() ? std::string() : *best;
}

std::vector<std::string_view> Session::offered_protocols() const {
  return ws::offered_protocols(head_.fields).value_or(std::vector<std::string_view>());
}

void Session::reject(Response response) {
  if (state_ != State::opening) {
    throw std::logic_error("a WebSocket that was accepted cannot be rejected");
  }
  refusal_ = std::move(response);
}

// ---- the handler

Task<void> Session::run_handler() {
  std::exception_ptr error;
  try {
    co_await answer_.upgrade()->handler(request_, WebSocket(*this));
    if (!refusal_) {
      accept_unless_accepted();
    }
  } catch (...) {
    error = std::current_exception();
  }
  end_handler(error);
}

void Session::end_handler(const std::exception_ptr& error) {
  handler_ended_ = true;
  if (state_ == State::opening) {
    error_ = error;
    decision_.set();
    return;
  }
  if (error) {
    reply_code_ = code_for(error);
    reply_reason_ =
        reply_code_ == number(CloseCode::going_away) ? k_going_away : std::string_view();
  }
  begin_close(reply_code_, reply_reason_);
  inbox_.clear();
}

/// What a handler that threw closes with. What it threw goes to the log, unless it says only that
/// the WebSocket was over, or that the worker leaves.
std::uint16_t Session::code_for(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const WebSocketClosed&) {
    return number(CloseCode::normal);
  } catch (const Cancelled&) {
    if (handler_scope_.cancelled()) {
      return reading_over_ ? reply_code_ : number(CloseCode::going_away);
    }
  } catch (...) {
  }
  log_broken_answer(error, head_, false);
  return number(CloseCode::internal_error);
}

Task<std::optional<WebSocketMessage>> Session::receive() {
  accept_unless_accepted();
  handler_receives_ = true;
  while (inbox_.empty()) {
    if (reading_over_) {
      begin_close(reply_code_, reply_reason_);
      co_return std::nullopt;
    }
    const bool has_come = co_await inbox_.arrival();
    if (!has_come) {
      throw Cancelled();
    }
  }
  co_return inbox_.take();
}

// ---- the end

void Session::close(std::uint16_t code, std::string_view reason) {
  if (!may_be_sent(code)) {
    throw std::invalid_argument("the close code " + std::to_string(code) + " may not be sent");
  }
  if (!is_utf8(reason)) {
    throw std::invalid_argument("the reason of a close must be UTF-8");
  }
  accept_unless_accepted();
  begin_close(code, reason);
}

void Session::begin_close(std::uint16_t code, std::string_view reason) {
  if (state_ != State::open) {
    return;
  }
  append_close_frame(outbox_.buffer(), code, reason);
  state_ = State::closing;
  close_deadline_ = reactor::deadline_in(context_.settings.websocket_close_timeout);
  if (!reading_over_) {
    transport_.set_receive_deadline(close_deadline_);
  }
  message_sent_.set();
  closing_.set();
  flush();
}

void Session::lose(bool abort) {
  if (state_ == State::lost) {
    return;
  }
  state_ = State::lost;
  abort_ = abort;
  message_sent_.set();
  closing_.set();
  if (!reading_over_) {
    transport_.set_receive_deadline(reactor::Reactor::current().now());
  }
}

Task<void> Session::close_at_drain() {
  const bool is_draining = co_await context_.drain.wait();
  if (is_draining) {
    begin_close(number(CloseCode::going_away), k_going_away);
  }
}

void Session::CloseReply::on_timer() noexcept {
  try {
    session_.begin_close(session_.reply_code_, session_.reply_reason_);
  } catch (const std::bad_alloc&) {
    session_.lose(true);
  }
}

Task<void> Session::run() {
  co_await read_to_end();
  CloseReply reply(*this);
  reply.arm(reactor::Reactor::current().now() + k_close_courtesy);
  // The handler has so long to see the end, and to end itself.
  const auto close_timeout = context_.settings.websocket_close_timeout;
  const detail::ScopeDeadline handler_deadline(reactor::deadline_in(close_timeout), handler_scope_);
  co_await closing_;
  drain_scope_.cancel();
  {
    const detail::ScopeDeadline deadline(reactor::deadline_in(close_timeout), tasks_.scope());
    co_await join_tasks();
  }
  if (abort_ || outbox_.failed()) {
    transport_.abort();
  } else if (state_ == State::closing) {
    co_await transport_.end();
  }
  co_await coro::UntilDone(*handler_);
}

Task<void> Session::join_tasks() {
  try {
    co_await tasks_.join();
  } catch (const std::exception& error) {
    observe::error("{} {}: the WebSocket ends because of: {}", head_.method_name, head_.target,
                   error.what());
    lose(true);
  }
}

}  // namespace uringcorn::http::ws
