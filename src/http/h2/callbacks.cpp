// SPDX-License-Identifier: MIT
#include "http/h2/callbacks.hpp"

#include <exception>
#include <string_view>

#include "http/h2/session.hpp"
#include "observe/log.hpp"

namespace uringcorn::http::h2 {
namespace {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// Calls `tell(session)`. Exceptions must not pass through the library.
template <class Tell>
int guarded(void* user_data, Tell tell) noexcept {
  try {
    tell(*static_cast<Session*>(user_data));
    return 0;
  } catch (const std::exception& error) {
    observe::error("an HTTP/2 connection ends because of: {}", error.what());
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

}  // namespace

void Callbacks::set(nghttp2_session_callbacks* callbacks) noexcept {
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
        return guarded(user, [&](Session& session) { session.frame_begun(*header); });
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return guarded(user, [&](Session& session) { session.begin_stream(*frame); });
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
        return guarded(user, [&](Session& session) {
          session.field_received(frame->hd.stream_id, text_of(name, name_size),
                                 text_of(value, value_size));
        });
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return guarded(user, [&](Session& session) { session.frame_received(*frame); });
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                    std::size_t size, void* user) {
        return guarded(user,
                       [&](Session& session) { session.data_received(id, text_of(bytes, size)); });
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        return guarded(user, [&](Session& session) { session.frame_sent(*frame); });
      });
  nghttp2_session_callbacks_set_on_frame_not_send_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
        return guarded(user, [&](Session& session) { session.frame_not_sent(*frame, error); });
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
        return guarded(user, [&](Session& session) { session.stream_closed(id, error); });
      });
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
}

/// Copies a piece of a body behind its frame header, straight to where the output is gathered. No
/// frame has padding, as we ask for none.
int Callbacks::send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                         std::size_t size, nghttp2_data_source* source, void* user) {
  constexpr std::size_t k_frame_header_bytes = 9;
  bool is_enough = false;
  const int result = guarded(user, [&](Session& session) {
    session.gathering_->append(text_of(header, k_frame_header_bytes));
    static_cast<Exchange*>(source->ptr)->write_data(*session.gathering_, size);
    is_enough = session.gathered_enough();
  });
  return result == 0 && is_enough ? NGHTTP2_ERR_PAUSE : result;
}

}  // namespace uringcorn::http::h2
