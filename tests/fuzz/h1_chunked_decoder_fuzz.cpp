// SPDX-License-Identifier: MIT
// The first byte chooses how the rest, a chunked body, is cut into pieces; the outcome must not
// depend on it. What was decoded, encoded again, must decode to the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/field_rules.hpp"
#include "http/h1/chunked_decoder.hpp"

namespace {

using uringcorn::http::BodyError;
using uringcorn::http::HeadLimits;
using uringcorn::http::h1::ChunkedDecoder;

constexpr HeadLimits k_small_limits{.request_line = 60, .fields = 3, .field_size = 40, .head = 90};

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

struct Outcome {
  ChunkedDecoder::Result result = ChunkedDecoder::Result::need_more;
  BodyError error = BodyError::none;
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;

  bool operator==(const Outcome&) const = default;
};

/// Decodes one piece, up to the end of it or of the body.
void decode_piece(ChunkedDecoder& decoder, std::string_view piece, Outcome& outcome) {
  do {
    const ChunkedDecoder::Step step = decoder.decode(piece);
    require(step.consumed <= piece.size());
    require(step.data.empty() == (step.result != ChunkedDecoder::Result::data));
    if (!step.data.empty()) {
      require(step.data.data() >= piece.data() &&
              step.data.data() + step.data.size() == piece.data() + step.consumed);
    }
    outcome.data += step.data;
    outcome.trailers += step.trailers;
    outcome.consumed += step.consumed;
    outcome.result = step.result;
    outcome.error = decoder.error();
    piece.remove_prefix(step.consumed);
  } while (outcome.result == ChunkedDecoder::Result::data);
  require(outcome.result != ChunkedDecoder::Result::need_more || piece.empty());
  if (outcome.result == ChunkedDecoder::Result::failed) {
    outcome.trailers.clear();  // Nobody may use what was handed on of them.
  }
}

/// That it is lines of "name:value", and an empty one that ends it.
void require_lines(std::string_view section) {
  while (!section.starts_with("\r\n")) {
    const std::size_t end = section.find("\r\n");
    require(end != std::string_view::npos);
    const std::string_view line = section.substr(0, end);
    const std::size_t colon = line.find(':');
    require(colon != std::string_view::npos);
    require(uringcorn::http::is_token(line.substr(0, colon)));
    require(uringcorn::http::is_field_value(line.substr(colon + 1)));
    section.remove_prefix(end + 2);
  }
  require(section.size() == 2);
}

Outcome decode_in_pieces(std::string_view bytes, unsigned seed) {
  ChunkedDecoder decoder(k_small_limits);
  Outcome outcome;
  while (!bytes.empty() && outcome.result == ChunkedDecoder::Result::need_more) {
    seed = seed * 1664525U + 1013904223U;
    const std::size_t step = 1 + (seed >> 16) % (seed % 7 == 0 ? bytes.size() + 1 : 4);
    const std::size_t length = std::min(step, bytes.size());
    const auto copy = std::make_unique<char[]>(length);
    std::copy_n(bytes.data(), length, copy.get());
    decode_piece(decoder, {copy.get(), length}, outcome);
    bytes.remove_prefix(length);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ChunkedDecoder decoder(k_small_limits);
  Outcome whole;
  decode_piece(decoder, bytes, whole);
  require(decode_in_pieces(bytes, data[0]) == whole);
  require((whole.result == ChunkedDecoder::Result::failed) == (whole.error != BodyError::none));
  if (whole.result != ChunkedDecoder::Result::complete) {
    return 0;
  }
  std::string encoded;
  for (const char c : whole.data) {
    encoded += std::string("1\r\n") + c + "\r\n";
  }
  require_lines(whole.trailers);
  encoded += "0\r\n" + whole.trailers;
  ChunkedDecoder again(k_small_limits);
  Outcome second;
  decode_piece(again, encoded, second);
  require(second.result == ChunkedDecoder::Result::complete && second.data == whole.data &&
          second.trailers == whole.trailers);
  return 0;
}
