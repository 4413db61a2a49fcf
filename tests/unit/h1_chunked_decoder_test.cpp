// SPDX-License-Identifier: MIT
#include "http/h1/chunked_decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using uringcorn::http::BodyError;
using uringcorn::http::describe;
using uringcorn::http::HeadLimits;
using uringcorn::http::h1::ChunkedDecoder;

constexpr HeadLimits k_default_limits;

struct Outcome {
  ChunkedDecoder::Result result = ChunkedDecoder::Result::need_more;
  BodyError error = BodyError::none;
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;

  bool operator==(const Outcome&) const = default;
};

/// Decodes `bytes` in pieces that begin at `cuts`, each in memory of exactly its size.
Outcome decode_in_pieces(std::string_view bytes, const std::vector<std::size_t>& cuts,
                         const HeadLimits& limits) {
  ChunkedDecoder decoder(limits);
  Outcome outcome;
  std::size_t begin = 0;
  for (const std::size_t end : cuts) {
    const auto copy = std::make_unique<char[]>(end - begin);
    std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
              bytes.begin() + static_cast<std::ptrdiff_t>(end), copy.get());
    std::string_view piece(copy.get(), end - begin);
    begin = end;
    for (;;) {
      const ChunkedDecoder::Step step = decoder.decode(piece);
      CHECK(step.consumed <= piece.size());
      CHECK(step.data.empty() == (step.result != ChunkedDecoder::Result::data));
      outcome.data += step.data;
      outcome.trailers += step.trailers;
      outcome.consumed += step.consumed;
      outcome.result = step.result;
      piece.remove_prefix(step.consumed);
      if (step.result == ChunkedDecoder::Result::data) {
        continue;
      }
      if (step.result == ChunkedDecoder::Result::need_more) {
        CHECK(piece.empty());
        break;
      }
      outcome.error = decoder.error();
      if (outcome.error != BodyError::none) {
        outcome.trailers.clear();  // Nobody may use what was handed on of them.
      }
      return outcome;
    }
  }
  return outcome;
}

/// Decodes `bytes` whole, cut in two at every byte, and byte by byte; all must agree.
Outcome decode(std::string_view bytes, const HeadLimits& limits = k_default_limits) {
  const Outcome whole = decode_in_pieces(bytes, {bytes.size()}, limits);
  std::vector<std::size_t> each_byte;
  for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
    each_byte.push_back(cut);
  }
  CHECK(decode_in_pieces(bytes, each_byte, limits) == whole);
  constexpr std::size_t k_cuts_max = 200;
  for (std::size_t cut = 1; cut < std::min(bytes.size(), k_cuts_max); ++cut) {
    CAPTURE(cut);
    CHECK(decode_in_pieces(bytes, {cut, bytes.size()}, limits) == whole);
  }
  return whole;
}

BodyError error_of(std::string_view bytes, const HeadLimits& limits = k_default_limits) {
  const Outcome outcome = decode(bytes, limits);
  CHECK_MESSAGE(outcome.result == ChunkedDecoder::Result::failed, "not refused: ", bytes);
  return outcome.error;
}

struct Refusal {
  std::string_view bytes;
  BodyError error;
};

}  // namespace

TEST_CASE("the data of all chunks is the body") {
  const std::string_view bytes =
      "5\r\nHello\r\n1\r\n,\r\n00000007\r\n World!\r\nA\r\n0123456789\r\nb\r\nabcdefghijk\r\n"
      "0\r\n\r\nGET / HTTP/1.1";
  const Outcome outcome = decode(bytes);
  CHECK(outcome.result == ChunkedDecoder::Result::complete);
  CHECK(outcome.data == "Hello, World!0123456789abcdefghijk");
  CHECK(bytes.substr(outcome.consumed) == "GET / HTTP/1.1");
  CHECK(decode("0\r\n\r\n").result == ChunkedDecoder::Result::complete);
  CHECK(decode("000\r\n\r\n").result == ChunkedDecoder::Result::complete);
}

TEST_CASE("data that looks like framing is data") {
  const Outcome outcome = decode("c\r\n0\r\n\r\nGET / H\r\n0\r\n\r\n");
  CHECK(outcome.data == "0\r\n\r\nGET / H");
  CHECK(outcome.result == ChunkedDecoder::Result::complete);
}

TEST_CASE("an unfinished body asks for more") {
  const std::string_view bytes = "5;a=\"b\\\"\"\r\nHello\r\n0\r\nX: y\r\n\r\n";
  REQUIRE(decode(bytes).result == ChunkedDecoder::Result::complete);
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    CAPTURE(length);
    const ChunkedDecoder::Result result = decode(bytes.substr(0, length)).result;
    CHECK(result == ChunkedDecoder::Result::need_more);
  }
}

TEST_CASE("the trailer section is handed on, wherever the bytes are cut") {
  constexpr std::string_view k_body = "1\r\nx\r\n0;a\r\nX-Sum: 1\r\nY:\r\n\r\n";
  for (std::size_t cut = 0; cut <= k_body.size(); ++cut) {
    CAPTURE(cut);
    const Outcome outcome = decode_in_pieces(k_body, {cut, k_body.size()}, k_default_limits);
    CHECK(outcome.result == ChunkedDecoder::Result::complete);
    CHECK(outcome.data == "x");
    CHECK(outcome.trailers == "X-Sum: 1\r\nY:\r\n\r\n");
  }
}

TEST_CASE("extensions are checked and dropped, trailers checked") {
  for (const std::string_view bytes : {
           "1;a\r\nx\r\n0\r\n\r\n"sv,
           "1;a=b\r\nx\r\n0\r\n\r\n"sv,
           "1;a=b;c;d=e\r\nx\r\n0;f\r\n\r\n"sv,
           "1;a=\"b c; \\\" \x80\tz\"\r\nx\r\n0\r\n\r\n"sv,
           "1;a=\"\"\r\nx\r\n0\r\n\r\n"sv,
           "1 ; a = b\t;\tc = \"d\" ; e\r\nx\r\n0\r\n\r\n"sv,
           "1\r\nx\r\n0\r\nX-Checksum: abc\r\nY:\r\nZ: \t two words \r\n\r\n"sv,
       }) {
    CAPTURE(bytes);
    const Outcome outcome = decode(bytes);
    CHECK(outcome.result == ChunkedDecoder::Result::complete);
    CHECK(outcome.data == "x");
  }
}

TEST_CASE("chunked framing that could be read in two ways is refused") {
  using enum BodyError;
  const Refusal refusals[] = {
      {"\r\n", invalid_chunk_size},
      {"g\r\n", invalid_chunk_size},
      {"-1\r\n", invalid_chunk_size},
      {"+1\r\n", invalid_chunk_size},
      {" 1\r\n", invalid_chunk_size},
      {"\t1\r\n", invalid_chunk_size},
      {"0x1\r\n", invalid_chunk_size},
      {"1_0\r\n", invalid_chunk_size},
      {"1.\r\n", invalid_chunk_size},
      {"1,2\r\n", invalid_chunk_size},
      {";a=b\r\n", invalid_chunk_size},
      {"\xb1\r\n", invalid_chunk_size},
      {"1\0\r\n"sv, invalid_chunk_size},
      {"1\n", invalid_chunk_line_end},
      {"1\r\r\n", invalid_chunk_line_end},
      {"1\rx", invalid_chunk_line_end},
      {"1;a\n", invalid_chunk_line_end},
      {"1;a=b\n", invalid_chunk_line_end},
      {"1;a=\"b\"\n", invalid_chunk_line_end},
      {"1;a\rx", invalid_chunk_line_end},
      // A blank must lead to an extension.
      {"1 \r\n", invalid_chunk_extension},
      {"1\t\r\n", invalid_chunk_extension},
      {"1 1\r\n", invalid_chunk_extension},
      {"1;a \r\n", invalid_chunk_extension},
      {"1;a=b \r\n", invalid_chunk_extension},
      {"1;\r\n", invalid_chunk_extension},
      {"1;;a\r\n", invalid_chunk_extension},
      {"1;=b\r\n", invalid_chunk_extension},
      {"1;a=\r\n", invalid_chunk_extension},
      {"1;a=b=c\r\n", invalid_chunk_extension},
      {"1;a b\r\n", invalid_chunk_extension},
      {"1;a=b c\r\n", invalid_chunk_extension},
      {"1;a=\"b\"c\r\n", invalid_chunk_extension},
      {"1;a=\"b\nc\"\r\n", invalid_chunk_extension},
      {"1;a=\"b\rc\"\r\n", invalid_chunk_extension},
      {"1;a=\"b\r\n", invalid_chunk_extension},
      {"1;a=\"\\\n\"\r\n", invalid_chunk_extension},
      {"1;a\0\r\n"sv, invalid_chunk_extension},
      {"1;a@\r\n", invalid_chunk_extension},
      {"1;\x80\r\n", invalid_chunk_extension},
      // The data ends in CRLF, at the announced place.
      {"1\r\nxy\r\n", invalid_chunk_end},
      {"2\r\nx\r\n0\r\n\r\n", invalid_chunk_end},
      {"1\r\nx\n0\r\n\r\n", invalid_chunk_end},
      {"1\r\nx\r\r\n", invalid_chunk_end},
      {"1\r\nx0\r\n\r\n", invalid_chunk_end},
      // Out of range.
      {"8000000000000000\r\n", chunk_too_large},
      {"ffffffffffffffff\r\n", chunk_too_large},
      {"10000000000000001\r\n", chunk_too_large},
      {"00000000000000001\r\n", chunk_too_large},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(refusal.bytes) == refusal.error);
    CHECK(describe(refusal.error).status == (refusal.error == chunk_too_large ? 413 : 400));
  }
  CHECK(decode("7fffffffffffffff\r\nx").data == "x");
}

TEST_CASE("a trailer is refused where a header field would be, or for its name") {
  using enum BodyError;
  const Refusal refusals[] = {
      {"0\r\nX\r\n\r\n", invalid_trailer},
      {"0\r\n: y\r\n\r\n", invalid_trailer},
      {"0\r\nX : y\r\n\r\n", invalid_trailer},
      {"0\r\n X: y\r\n\r\n", invalid_trailer},
      {"0\r\nX: y\r\n z\r\n\r\n", invalid_trailer},
      {"0\r\nX: y\n\r\n", invalid_trailer},
      {"0\r\nX: y\r\n\n", invalid_trailer},
      {"0\r\nX: y\rz\r\n\r\n", invalid_trailer},
      {"0\r\nX: y\0\r\n\r\n"sv, invalid_trailer},
      {"0\r\nX\x80: y\r\n\r\n", invalid_trailer},
      {"0\r\n\n", invalid_trailer},
      {"0\r\n\rX", invalid_trailer},
      {"0\r\nGET / HTTP/1.1\r\n\r\n", invalid_trailer},
      {"0\r\nContent-Length: 5\r\n\r\n", forbidden_trailer},
      {"0\r\nX: y\r\ntRaNsFeR-eNcOdInG: chunked\r\n\r\n", forbidden_trailer},
      {"0\r\nHost: a\r\n\r\n", forbidden_trailer},
      {"0\r\nAuthorization: Basic a\r\n\r\n", forbidden_trailer},
      {"0\r\nCookie: a=b\r\n\r\n", forbidden_trailer},
      {"0\r\nContent-Type: text/html\r\n\r\n", forbidden_trailer},
      {"0\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n", forbidden_trailer},
      {"0\r\nTE:\r\n\r\n", forbidden_trailer},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    CHECK(error_of(refusal.bytes) == refusal.error);
    CHECK(describe(refusal.error).status == 400);
  }
  // A name may be longer than any that is forbidden.
  CHECK(decode("0\r\n" + std::string(1000, 'h') + ": a\r\n\r\n").error == BodyError::none);
}

TEST_CASE("chunk extensions are bounded over the whole body") {
  const auto error_of_whole = [](const std::string& bytes) {
    return decode_in_pieces(bytes, {bytes.size()}, k_default_limits).error;
  };
  constexpr std::size_t k_max = ChunkedDecoder::k_max_extension_bytes;
  // The CR behind an extension counts too, since only it tells that the extension has ended.
  CHECK(error_of_whole("1;" + std::string(k_max - 2, 'a') + "\r\nx\r\n") == BodyError::none);
  CHECK(error_of_whole("1;" + std::string(k_max - 1, 'a') + "\r\nx\r\n") ==
        BodyError::chunk_extensions_too_large);
  CHECK(error_of_whole("1;a=\"" + std::string(k_max, ' ')) ==
        BodyError::chunk_extensions_too_large);
  std::string many;
  for (std::size_t i = 0; i < k_max / 2; ++i) {
    many += "1;a\r\nx\r\n";
  }
  CHECK(error_of_whole(many) == BodyError::chunk_extensions_too_large);
}

TEST_CASE("the trailer section is bounded like a head") {
  HeadLimits limits;
  limits.fields = 2;
  limits.field_size = 10;
  limits.head = 25;
  CHECK(decode("0\r\nA: 1\r\nB: 2\r\n\r\n", limits).result == ChunkedDecoder::Result::complete);
  CHECK(error_of("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits) == BodyError::trailer_too_large);
  CHECK(decode("0\r\nABCDE: 890\r\n\r\n", limits).error == BodyError::none);
  CHECK(error_of("0\r\nABCDE: 8901\r\n\r\n", limits) == BodyError::trailer_too_large);
  CHECK(error_of("0\r\nABCDEFGHIJK", limits) == BodyError::trailer_too_large);
  CHECK(error_of("0\r\nABCDE: 890\r\nABCDE: 890\r\n\r\n", limits) == BodyError::trailer_too_large);
  CHECK(describe(BodyError::trailer_too_large).status == 431);
}
