// SPDX-License-Identifier: MIT
// How an exchange comes by a request: its head is read, copied to where it stays, and judged.
#include <cstring>
#include <optional>
#include <span>

#include "http/forwarded.hpp"
#include "http/h1/exchange.hpp"
#include "http/method.hpp"
#include "http/target.hpp"
#include "http/ws/handshake.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h1 {
namespace {

/// Pipelined answers are gathered up to this size before they are sent.
constexpr std::size_t k_gathered_output_bytes = 64 * 1024;

}  // namespace

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
    connection_->head_deadline = reactor::deadline_in(settings().request_head_timeout);
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
  head_.https = connection_->stream.is_tls();
  if (head_.https) {
    head_.client_certificate = connection_->stream.client_certificate();
  }
  head_.content_length = facts_.content_length();
  head_.has_body = facts_.has_body();
  head_.websocket = facts_.wants_upgrade() && ws::names_websocket(head_.fields);
  apply_forwarded(head_, connection_->peer, settings().forwarded_allow_ips, arena_);
  const bool has_path = set_path(head_, parsed.target_form, parsed.path_and_query.in(head), arena_);
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

}  // namespace uringcorn::http::h1
