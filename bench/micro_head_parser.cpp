// SPDX-License-Identifier: MIT
// Prints the nanoseconds that the request-head parser takes for typical heads: the best of many
// rounds, because everything else that happens on the machine only ever adds time.
#include <chrono>
#include <cstdio>
#include <string_view>

#include "http/h1/head_parser.hpp"

namespace {

using uringcorn::http::HeadLimits;
using uringcorn::http::h1::HeadParser;

constexpr std::string_view k_wrk = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";
constexpr std::string_view k_browser =
    "GET /products/list?page=2&sort=price HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/products/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "\r\n";

constexpr int k_rounds = 200;
constexpr int k_parses_per_round = 10'000;

void measure(const char* name, std::string_view bytes) {
  using Clock = std::chrono::steady_clock;
  const HeadLimits limits;
  HeadParser parser(limits);
  double best_ns = 1e9;
  for (int round = 0; round < k_rounds; ++round) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < k_parses_per_round; ++i) {
      asm volatile("" : : "r"(bytes.data()) : "memory");
      parser.reset();
      if (parser.parse(bytes) != HeadParser::Result::complete) {
        std::fprintf(stderr, "the %s head was refused\n", name);
        return;
      }
    }
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    const double ns = elapsed.count() / k_parses_per_round;
    best_ns = ns < best_ns ? ns : best_ns;
  }
  std::printf("%-8s %5zu bytes %8.1f ns\n", name, bytes.size(), best_ns);
}

}  // namespace

int main() {
  measure("wrk", k_wrk);
  measure("browser", k_browser);
}
