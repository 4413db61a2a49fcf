// SPDX-License-Identifier: MIT
// The side of an exchange that handlers and producers see: the request's body in, the answer's body
// out.
#include <stdexcept>
#include <string>

#include "http/h1/exchange.hpp"
#include "reactor/next_turn.hpp"

namespace uringcorn::http::h1 {
namespace {

/// A producer whose client takes everything at once lets the others have a turn after so many
/// bytes.
constexpr std::size_t k_bytes_per_turn = 256 * 1024;

}  // namespace

Task<std::string_view> Exchange::read_body() {
  for (;;) {
    std::string_view data;
    switch (body_.next(input_, data)) {
      case RequestBody::Step::data:
        co_return data;
      case RequestBody::Step::complete:
        co_return std::string_view();
      case RequestBody::Step::failed:
        throw_body_error();
      case RequestBody::Step::need_input:
        break;
    }
    if (!input_.join()) {
      co_await send_continue();
      co_await receive_body();
      input_.join();
    }
    if (!body_.failed()) {
      watch_client();
    }
  }
}

void Exchange::throw_body_error() const {
  const auto [status, sentence] = describe(body_.error());
  throw HttpError(status, std::string(sentence));
}

Task<void> Exchange::send_continue() {
  if (!facts_.expects_continue() || continue_sent_ || head_written_) {
    co_return;
  }
  continue_sent_ = true;
  write_interim_response(output_.buffer(), 100, Fields());
  co_await flush_or_throw();
}

Task<void> Exchange::receive_body() {
  if (receiving_body_) {
    throw std::logic_error("the body of this request is being read already");
  }
  connection_->stream.set_receive_deadline(reactor::deadline_in(settings().body_timeout));
  receiving_body_ = true;
  const net::Received received = co_await connection_->stream.receive();
  receiving_body_ = false;
  switch (received.status) {
    case net::IoStatus::ok:
      receive(received.buffer.bytes());
      break;
    case net::IoStatus::end:
      body_.fail(BodyError::ended_early);
      break;
    case net::IoStatus::timed_out:
      body_.fail(BodyError::timed_out);
      break;
    case net::IoStatus::broken:
      lose_client();
      throw Cancelled();
    case net::IoStatus::cancelled:
      throw Cancelled();
  }
}

Task<void> Exchange::send_interim(int status, const Fields& fields) {
  if (head_written_ || facts_.version() == Version::http_1_0) {
    co_return;
  }
  write_interim_response(output_.buffer(), status, fields);
  co_await flush_or_throw();
}

Task<void> Exchange::flush_or_throw() {
  if (!output_.try_flush()) {
    co_await output_.flush();
  }
  if (output_.status() != net::IoStatus::ok) {
    lose_client();
    throw Cancelled();
  }
}

Task<void> Exchange::write(std::string_view bytes) {
  if (bytes.empty()) {
    co_return;
  }
  const bool is_my_turn = co_await output_.wait_for_turn();
  if (!is_my_turn || scope_->cancelled()) {
    throw Cancelled();
  }
  if (!head_written_) {
    begin_stream();
  }
  if (framing_.body_end == BodyEnd::length &&
      bytes.size() > *framing_.content_length - body_bytes_sent_) {
    throw std::length_error("the streamed body is longer than its announced length");
  }
  ByteBuffer& buffer = output_.buffer();
  const bool is_chunked = framing_.body_end == BodyEnd::chunked;
  if (is_chunked) {
    begin_chunk(buffer, bytes.size());
  }
  const bool is_copied = bytes.size() <= Output::k_copied_bytes_max;
  if (is_copied) {
    buffer.append(bytes);
  } else {
    co_await output_.flush_and_send(bytes);
  }
  if (is_chunked) {
    end_chunk(buffer);
  }
  if (is_copied || output_.status() != net::IoStatus::ok) {
    co_await flush_or_throw();
  }
  body_bytes_sent_ += bytes.size();
  bytes_this_turn_ += bytes.size();
  if (bytes_this_turn_ >= k_bytes_per_turn) {
    bytes_this_turn_ = 0;
    co_await reactor::NextTurn();
  }
}

}  // namespace uringcorn::http::h1
