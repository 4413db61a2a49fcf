// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <nghttp2/nghttp2.h>

namespace uringcorn::http::h2 {

/// What nghttp2 calls, handed on to the Session that it has as its user data. An exception out of
/// the Session ends the connection, not the process.
struct Callbacks {
  static void set(nghttp2_session_callbacks* callbacks) noexcept;

 private:
  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* header,
                       std::size_t size, nghttp2_data_source* source, void* user);
};

}  // namespace uringcorn::http::h2
