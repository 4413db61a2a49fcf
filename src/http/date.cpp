// SPDX-License-Identifier: MIT
#include "http/date.hpp"

#include <algorithm>
#include <chrono>

namespace uringcorn::http {
namespace {

constexpr std::string_view k_weekdays = "SunMonTueWedThuFriSat";
constexpr std::string_view k_months = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::size_t k_date_offset = 6;  // behind "Date: "

char* put_name(char* out, std::string_view names, unsigned index) noexcept {
  return std::copy_n(names.data() + index * std::size_t{3}, 3, out);
}

char* put_digits(char* out, unsigned value, int digits) noexcept {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

}  // namespace

std::array<char, k_date_length> format_date(std::int64_t unix_seconds) noexcept {
  using namespace std::chrono;
  const sys_seconds time{seconds(unix_seconds)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, k_date_length> text;
  char* out = put_name(text.data(), k_weekdays, weekday(day).c_encoding());
  *out++ = ',';
  *out++ = ' ';
  out = put_digits(out, static_cast<unsigned>(date.day()), 2);
  *out++ = ' ';
  out = put_name(out, k_months, static_cast<unsigned>(date.month()) - 1);
  *out++ = ' ';
  out = put_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  *out++ = ' ';
  out = put_digits(out, static_cast<unsigned>(clock.hours().count()), 2);
  *out++ = ':';
  out = put_digits(out, static_cast<unsigned>(clock.minutes().count()), 2);
  *out++ = ':';
  out = put_digits(out, static_cast<unsigned>(clock.seconds().count()), 2);
  std::copy_n(" GMT", 4, out);
  return text;
}

void DateLine::write_anew(Clock::time_point now) noexcept {
  using namespace std::chrono;
  const auto wall = system_clock::now();
  const auto second = floor<seconds>(wall);
  // A step of the wall clock shows within a second, like the next second itself.
  valid_until_ = now + duration_cast<Clock::duration>(second + seconds(1) - wall);
  const auto text = format_date(second.time_since_epoch().count());
  char* out = std::copy(text.begin(), text.end(), line_.begin() + k_date_offset);
  *out++ = '\r';
  *out = '\n';
}

}  // namespace uringcorn::http
