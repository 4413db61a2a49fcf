// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include <uringcorn/fields.hpp>

#include "settings/settings.hpp"

namespace uringcorn::http {

/// Bounds on a request head, in bytes. A line's CRLF does not count. The defaults are gunicorn's.
/// They bind HTTP/2 alike, by what the same head would take in HTTP/1.
struct HeadLimits {
  std::uint32_t request_line = 8190;
  std::uint32_t fields = 100;
  std::uint32_t field_size = 8190;
  std::uint32_t head = 65'536;  // everything, CRLFs too; at most 2^31

  /// Of a trailer section, which is bound like the fields of a head, but always has room in Fields
  /// (whose lines take less than twice their bytes here).
  std::uint32_t trailer_section() const noexcept {
    return std::min<std::uint32_t>(head, Fields::k_bytes_max / 2);
  }

  static HeadLimits of(const settings::Settings& settings) noexcept {
    return {.request_line = static_cast<std::uint32_t>(settings.limit_request_line),
            .fields = static_cast<std::uint32_t>(settings.limit_request_fields),
            .field_size = static_cast<std::uint32_t>(settings.limit_request_field_size),
            .head = static_cast<std::uint32_t>(settings.limit_request_head)};
  }
};

}  // namespace uringcorn::http
