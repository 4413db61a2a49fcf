// SPDX-License-Identifier: MIT
// The side of a session that knows streams: what nghttp2 tells of them, and what they tell it.
#include <algorithm>
#include <exception>
#include <new>

#include "http/h2/session.hpp"
#include "observe/log.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::http::h2 {
namespace {

/// A stream that was reset may take a while to end, and does not count for the client any more:
/// so many times the streams that it may have are in work at once, then new ones are refused.
constexpr std::size_t k_streams_in_work_factor = 2;
/// A head so many times larger than is allowed is not decompressed for the sake of an answer.
constexpr std::size_t k_hopeless_head_factor = 8;

constexpr std::size_t k_priority_bytes = 5;

bool ends_stream(const nghttp2_frame& frame) noexcept {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

bool submit_trailers(nghttp2_session* session, std::int32_t id, Exchange& exchange) noexcept {
  try {
    const std::vector<nghttp2_nv>& trailers = exchange.list_trailers();
    return nghttp2_submit_trailer(session, id, trailers.data(), trailers.size()) == 0;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

ssize_t read_data(nghttp2_session* session, std::int32_t id, std::uint8_t*, std::size_t size,
                  std::uint32_t* flags, nghttp2_data_source* source, void*) {
  Exchange& exchange = *static_cast<Exchange*>(source->ptr);
  const Exchange::Piece piece = exchange.next_data(size);
  if (piece.data == Exchange::Data::none_yet) {
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (piece.data == Exchange::Data::last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (exchange.has_trailers()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (!submit_trailers(session, id, exchange)) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
    }
  }
  return static_cast<ssize_t>(piece.size);
}

}  // namespace

// ---- for the streams

void Session::submit_interim(const Exchange& exchange, const std::vector<nghttp2_nv>& fields) {
  if (!exchange.is_closed()) {
    check_result(nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, exchange.id(), nullptr,
                                        fields.data(), fields.size(), nullptr));
    want_write();
  }
}

void Session::submit_answer(Exchange& exchange, const std::vector<nghttp2_nv>& fields,
                            bool has_body) {
  if (exchange.is_closed()) {
    return;
  }
  const nghttp2_data_provider body{.source = {.ptr = &exchange}, .read_callback = read_data};
  check_result(nghttp2_submit_response(session_.get(), exchange.id(), fields.data(), fields.size(),
                                       has_body ? &body : nullptr));
  want_write();
}

void Session::resume(const Exchange& exchange) {
  if (!exchange.is_closed()) {
    check_result(nghttp2_session_resume_data(session_.get(), exchange.id()));
    want_write();
  }
}

void Session::reset(const Exchange& exchange, std::uint32_t error) {
  if (!exchange.is_closed()) {
    check_result(
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, exchange.id(), error));
    want_write();
  }
}

void Session::consumed(const Exchange& exchange, std::size_t bytes) {
  if (!exchange.is_closed()) {
    check_result(nghttp2_session_consume_stream(session_.get(), exchange.id(), bytes));
    want_write();
  }
}

// ---- what nghttp2 tells

Exchange* Session::find(std::int32_t id) const noexcept {
  return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

/// The first frame of a header block has come.
void Session::begin_stream(const nghttp2_frame& frame) {
  head_deadline_ = reactor::deadline_in(settings_.request_head_timeout);
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) {
    return;  // trailers
  }
  const std::int32_t id = frame.hd.stream_id;
  last_stream_ = id;
  if (open_.size() >= k_streams_in_work_factor * settings_.http2_max_concurrent_streams) {
    check_result(
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM));
    spend(FloodGuard::k_reset_cost);
    return;
  }
  open_.push_back(worker_.lease());
  Exchange& exchange = *open_.back();
  exchange.set_place(open_.size() - 1);
  exchange.open(*this, id);
  check_result(nghttp2_session_set_stream_user_data(session_.get(), id, &exchange));
  ++requests_;
  if (requests_ == settings_.limit_keepalive_requests) {
    begin_shutdown();
  }
}

void Session::field_received(std::int32_t id, std::string_view name, std::string_view value) {
  Exchange* const exchange = find(id);
  if (exchange == nullptr) {
    return;
  }
  exchange->take_field(name, value);
  const std::size_t allowed = settings_.http2_max_header_list_size;
  if (exchange->head_bytes() > k_hopeless_head_factor * allowed) {
    terminate(NGHTTP2_ENHANCE_YOUR_CALM, "it sends far more header fields than it may");
  }
}

void Session::frame_begun(const nghttp2_frame_hd& header) {
  const bool is_of_head = header.type == NGHTTP2_HEADERS || header.type == NGHTTP2_CONTINUATION;
  if (!is_of_head && requests_ > 0) {
    head_deadline_ = Clock::time_point::max();
  }
  if (header.type == NGHTTP2_HEADERS || header.type == NGHTTP2_DATA) {
    check_stream(header);
    return;
  }
  spend(FloodGuard::k_idle_frame_cost);
  // nghttp2 does not look at PRIORITY frames, which mean nothing any more (RFC 9113 section 5.3.2).
  if (header.type == NGHTTP2_PRIORITY && header.stream_id == 0) {
    terminate(NGHTTP2_PROTOCOL_ERROR, "it sent PRIORITY on no stream");
  } else if (header.type == NGHTTP2_PRIORITY && header.length != k_priority_bytes) {
    terminate(NGHTTP2_FRAME_SIZE_ERROR, "it sent a PRIORITY of the wrong size");
  }
}

/// What comes on a stream that is over is an error (RFC 9113 section 5.1), unless it is we who
/// ended it and the client may not have known. nghttp2 would ignore it.
void Session::check_stream(const nghttp2_frame_hd& header) {
  const std::int32_t id = header.stream_id;
  const bool may_be_known = id > last_stream_ || id == 0 || find(id) != nullptr;
  if (!may_be_known && std::find(reset_.begin(), reset_.end(), id) == reset_.end()) {
    terminate(NGHTTP2_STREAM_CLOSED, "it goes on with a stream that is over");
  }
}

/// So many streams at most can be reset without the client's knowledge as it may have open.
void Session::remember_reset(std::int32_t id) {
  if (reset_.size() < settings_.http2_max_concurrent_streams) {
    reset_.push_back(id);
  } else {
    reset_[oldest_reset_] = id;
    oldest_reset_ = (oldest_reset_ + 1) % reset_.size();
  }
}

void Session::frame_received(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      headers_received(frame);
      break;
    case NGHTTP2_DATA:
      if (frame.hd.length == frame.data.padlen && !ends_stream(frame)) {
        spend(FloodGuard::k_idle_frame_cost);
      }
      if (ends_stream(frame)) {
        request_ended(frame.hd.stream_id);
      }
      break;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        settings_deadline_ = Clock::time_point::max();
      }
      break;
    case NGHTTP2_PING:
      ping_received(frame);
      break;
    case NGHTTP2_PRIORITY_UPDATE:
      priority_update_received(frame);
      break;
    default:
      break;
  }
}

/// A header block is complete: a head, or trailers.
void Session::headers_received(const nghttp2_frame& frame) {
  head_deadline_ = Clock::time_point::max();
  Exchange* const exchange = find(frame.hd.stream_id);
  if (exchange == nullptr) {
    return;
  }
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    exchange->take_head(ends_stream(frame));
    exchange->set_busy(true);
    starting_.push_back(exchange);
  } else if (ends_stream(frame)) {
    request_ended(frame.hd.stream_id);
  } else {
    reset(*exchange, NGHTTP2_PROTOCOL_ERROR);  // RFC 9113 section 8.1
  }
}

void Session::data_received(std::int32_t id, std::string_view bytes) {
  check_result(nghttp2_session_consume_connection(session_.get(), bytes.size()));
  Exchange* const exchange = find(id);
  if (exchange != nullptr && !exchange->take_data(bytes)) {
    reset(*exchange, NGHTTP2_PROTOCOL_ERROR);
  }
}

void Session::request_ended(std::int32_t id) {
  Exchange* const exchange = find(id);
  if (exchange != nullptr && !exchange->take_end()) {
    reset(*exchange, NGHTTP2_PROTOCOL_ERROR);
  }
}

void Session::ping_received(const nghttp2_frame& frame) {
  const bool is_answer = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  const std::string_view opaque(reinterpret_cast<const char*>(frame.ping.opaque_data),
                                sizeof frame.ping.opaque_data);
  if (is_answer && shutdown_ == Shutdown::noticed && opaque == k_shutdown_ping) {
    declare_shutdown();
  }
}

/// nghttp2 keeps the priority. If the stream is not there yet, that it has one must be known when
/// it is opened.
void Session::priority_update_received(const nghttp2_frame& frame) {
  const auto* const update = static_cast<nghttp2_ext_priority_update*>(frame.ext.payload);
  const std::int32_t id = update->stream_id;
  if (id == 0) {
    terminate(NGHTTP2_PROTOCOL_ERROR, "it sent PRIORITY_UPDATE for no stream");
    return;
  }
  const bool is_known =
      std::find(prioritised_.begin(), prioritised_.end(), id) != prioritised_.end();
  if (find(id) == nullptr && !is_known &&
      prioritised_.size() < settings_.http2_max_concurrent_streams) {
    prioritised_.push_back(id);
  }
}

/// RFC 9218. Without a word from the client, streams share what there is: that each has to wait for
/// those before it, as the RFC has it by default, would be a long wait behind a large answer.
void Session::set_priority(const Exchange& exchange) {
  const auto known = std::find(prioritised_.begin(), prioritised_.end(), exchange.id());
  if (known != prioritised_.end()) {
    prioritised_.erase(known);
    return;
  }
  const Priority priority = exchange.priority().value_or(Priority{.incremental = true});
  const nghttp2_extpri wanted{.urgency = priority.urgency, .inc = priority.incremental ? 1 : 0};
  check_result(
      nghttp2_session_change_extpri_stream_priority(session_.get(), exchange.id(), &wanted, 0));
}

void Session::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_DATA) {
    guard_.earn(FloodGuard::k_data_sent_gain);
  } else if (frame.hd.type == NGHTTP2_RST_STREAM) {
    remember_reset(frame.hd.stream_id);
    return;
  } else if (frame.hd.type != NGHTTP2_HEADERS) {
    return;
  }
  Exchange* const exchange = ends_stream(frame) ? find(frame.hd.stream_id) : nullptr;
  if (exchange != nullptr) {
    guard_.earn(FloodGuard::k_answer_gain);
    exchange->answer_sent();
  }
}

void Session::frame_not_sent(const nghttp2_frame& frame, int error) {
  Exchange* const exchange = find(frame.hd.stream_id);
  const bool is_client_gone = error == NGHTTP2_ERR_SESSION_CLOSING ||
                              error == NGHTTP2_ERR_STREAM_CLOSED ||
                              error == NGHTTP2_ERR_STREAM_CLOSING;
  if (frame.hd.type == NGHTTP2_HEADERS && exchange != nullptr && !is_client_gone) {
    exchange->answer_failed(nghttp2_strerror(error));
  }
}

void Session::stream_closed(std::int32_t id, std::uint32_t error) {
  Exchange* const exchange = find(id);
  if (error != NGHTTP2_NO_ERROR) {
    spend(FloodGuard::k_reset_cost);
  }
  if (exchange == nullptr) {
    return;
  }
  exchange->take_close();
  if (!exchange->is_busy()) {
    release(*exchange);
  }
}

void Session::release(Exchange& exchange) noexcept {
  const std::size_t place = exchange.place();
  std::swap(open_[place], open_.back());
  open_[place]->set_place(place);
  exchange.recycle();
  worker_.give_back(std::move(open_.back()));
  open_.pop_back();
  if (open_.empty() && !taking_) {
    rest_at_ = reactor::deadline_in(k_rest_after);
    idle_deadline_ = reactor::deadline_in(settings_.keep_alive);
    stream_.set_receive_deadline(next_deadline());
    want_write();  // where the end of a connection that is shut down is noticed
  }
}

}  // namespace uringcorn::http::h2
