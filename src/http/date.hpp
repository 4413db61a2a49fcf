// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <uringcorn/time.hpp>

namespace uringcorn::http {

constexpr std::size_t k_date_length = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"

/// The IMF-fixdate of a time (RFC 9110 section 5.6.7), in the years 0 to 9999.
std::array<char, k_date_length> format_date(std::int64_t unix_seconds) noexcept;

/// The Date field line of answers, written anew at most once a second. Belongs to one thread.
class DateLine {
 public:
  /// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", valid until the next call. `now` is the monotonic
  /// time, which may be a little late (the time of the reactor's turn).
  std::string_view at(Clock::time_point now) noexcept {
    if (now >= valid_until_) {
      write_anew(now);
    }
    return {line_.data(), line_.size()};
  }

 private:
  void write_anew(Clock::time_point now) noexcept;

  Clock::time_point valid_until_ = Clock::time_point::min();
  std::array<char, 6 + k_date_length + 2> line_{'D', 'a', 't', 'e', ':', ' '};
};

}  // namespace uringcorn::http
