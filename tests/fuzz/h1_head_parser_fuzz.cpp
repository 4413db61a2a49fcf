// SPDX-License-Identifier: MIT
// The first byte chooses how the rest, a request head, is cut into pieces; the outcome must not
// depend on it. The pieces stand in memory of exactly their size, for AddressSanitizer to watch.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/field_rules.hpp"
#include "http/h1/head_parser.hpp"

namespace {

using uringcorn::http::HeadError;
using uringcorn::http::HeadLimits;
using uringcorn::http::is_field_value;
using uringcorn::http::is_token;
using uringcorn::http::h1::FieldSlices;
using uringcorn::http::h1::HeadParser;
using uringcorn::http::h1::RequestHead;
using uringcorn::http::h1::Slice;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

/// Small limits, so that short inputs reach them.
constexpr HeadLimits k_small_limits{.request_line = 60, .fields = 5, .field_size = 50, .head = 200};
constexpr HeadLimits k_default_limits;

HeadParser::Result parse_in_pieces(HeadParser& parser, std::string_view bytes, unsigned seed) {
  parser.reset();
  std::size_t length = 0;
  for (;;) {
    // A piece is a few bytes long, or all the rest.
    seed = seed * 1664525U + 1013904223U;
    const std::size_t step = 1 + (seed >> 16) % (seed % 7 == 0 ? bytes.size() + 1 : 5);
    length = std::min(length + step, bytes.size());
    const auto copy = std::make_unique<char[]>(length);
    std::copy_n(bytes.data(), length, copy.get());
    const HeadParser::Result result = parser.parse({copy.get(), length});
    if (result != HeadParser::Result::need_more || length == bytes.size()) {
      return result;
    }
  }
}

void check_slice(Slice slice, std::uint32_t head_size) {
  require(slice.offset <= head_size && slice.length <= head_size - slice.offset);
}

/// What every accepted head promises to those who use it.
void check_accepted(const HeadParser& parser, std::string_view bytes, const HeadLimits& limits) {
  const RequestHead& head = parser.head();
  require(head.size <= bytes.size() && head.size <= limits.head);
  require(bytes.substr(0, head.size).ends_with("\r\n\r\n"));
  for (const Slice slice :
       {head.request_line, head.method, head.target, head.path_and_query, head.host}) {
    check_slice(slice, head.size);
  }
  require(is_token(head.method.in(bytes.data())));
  require(head.target.length > 0);
  for (const char c : head.target.in(bytes.data())) {
    require(c > ' ' && c < 0x7f && c != '#');
  }
  require(parser.fields().size() <= limits.fields);
  for (const FieldSlices& field : parser.fields()) {
    check_slice(field.name, head.size);
    check_slice(field.value, head.size);
    require(is_token(field.name.in(bytes.data())));
    require(is_field_value(field.value.in(bytes.data())));
  }
  require(!(head.facts.is_chunked() && head.facts.content_length()));
}

bool same(Slice a, Slice b) {
  return a.offset == b.offset && a.length == b.length;
}

void check(std::string_view bytes, unsigned seed, const HeadLimits& limits) {
  const auto whole = std::make_unique<HeadParser>(limits);
  const auto pieces = std::make_unique<HeadParser>(limits);
  const HeadParser::Result result = whole->parse(bytes);
  require(parse_in_pieces(*pieces, bytes, seed) == result);
  require(whole->error() == pieces->error());
  require((result == HeadParser::Result::failed) == (whole->error() != HeadError::none));
  if (result == HeadParser::Result::failed) {
    const auto [status, sentence] = describe(whole->error());
    require(status >= 400 && status < 506 && status != 500 && !sentence.empty());
  }
  if (result != HeadParser::Result::complete) {
    return;
  }
  check_accepted(*whole, bytes, limits);
  const RequestHead& a = whole->head();
  const RequestHead& b = pieces->head();
  require(a.size == b.size && same(a.method, b.method) && same(a.target, b.target));
  require(same(a.path_and_query, b.path_and_query) && same(a.host, b.host));
  require(a.target_form == b.target_form);
  require(a.facts.is_chunked() == b.facts.is_chunked());
  require(a.facts.content_length() == b.facts.content_length());
  require(a.facts.wants_keep_alive() == b.facts.wants_keep_alive());
  require(std::ranges::equal(whole->fields(), pieces->fields(),
                             [](const FieldSlices& x, const FieldSlices& y) {
                               return same(x.name, y.name) && same(x.value, y.value);
                             }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check(bytes, data[0], k_default_limits);
  check(bytes, data[0], k_small_limits);
  return 0;
}
