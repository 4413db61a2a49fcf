// SPDX-License-Identifier: MIT
// How an exchange comes by a request: its head is read, copied to where it stays, and judged.
#include <cstring>
#include <optional>
#include <span>

#include "http/forwarded.hpp"
#include "http/h1/exchange.hpp"
#include "http/method.hpp"
#include "http/percent.hpp"

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
  apply_forwarded(head_, connection_->peer, settings().forwarded_allow_ips, arena_);
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

}  // namespace uringcorn::http::h1
