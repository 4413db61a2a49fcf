// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/ws/deflate.hpp"
#include "http/ws/frame_parser.hpp"
#include "http/ws/message_assembler.hpp"
#include "ws_frames.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace uringcorn::http::ws;
using namespace std::string_literals;
using Event = MessageAssembler::Event;

/// What came of some bytes: "text:Hello", "ping:", "close:1000:bye", "failed:1002".
std::vector<std::string> events_of(const std::string& bytes, std::size_t piece_size,
                                   const std::optional<DeflateParameters>& compression = {},
                                   std::size_t limit = 1000) {
  FrameParser parser(100'000, compression.has_value());
  MessageAssembler assembler(limit, compression);
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size(); at += piece_size) {
    std::string cut = bytes.substr(at, piece_size);
    std::span<char> input(cut.data(), cut.size());
    FramePiece piece;
    while (parser.next(input, piece) == FrameParser::Status::piece) {
      switch (assembler.take(piece)) {
        case Event::none:
          break;
        case Event::message:
          events.push_back((assembler.is_text() ? "text:" : "binary:") + assembler.take_message());
          break;
        case Event::ping:
          events.push_back("ping:" + std::string(assembler.control_payload()));
          break;
        case Event::pong:
          events.push_back("pong:" + std::string(assembler.control_payload()));
          break;
        case Event::close:
          events.push_back("close:" + std::to_string(assembler.close_code()) + ":" +
                           std::string(assembler.close_reason()));
          return events;
        case Event::failed:
          events.push_back("failed:" +
                           std::to_string(static_cast<int>(describe(assembler.error()).code)));
          CHECK(!describe(assembler.error()).sentence.empty());
          return events;
      }
      CHECK(assembler.held() <= limit);
    }
  }
  return events;
}

/// The events, which must not depend on how the bytes are cut.
std::vector<std::string> events(const std::string& bytes,
                                const std::optional<DeflateParameters>& compression = {},
                                std::size_t limit = 1000) {
  const std::vector<std::string> whole = events_of(bytes, bytes.size(), compression, limit);
  for (std::size_t piece_size = 1; piece_size < bytes.size() && piece_size < 40; ++piece_size) {
    CAPTURE(piece_size);
    CHECK(events_of(bytes, piece_size, compression, limit) == whole);
  }
  return whole;
}

using Events = std::vector<std::string>;

std::string text(std::string_view payload) {
  return client_frame(Opcode::text, payload);
}
std::string first(std::string_view payload) {
  return client_frame(Opcode::text, payload, false);
}
std::string more(std::string_view payload) {
  return client_frame(Opcode::continuation, payload, false);
}
std::string last(std::string_view payload) {
  return client_frame(Opcode::continuation, payload);
}
std::string close(std::string_view payload) {
  return client_frame(Opcode::close, payload);
}

/// `message`, as a client that compresses sends it, in `pieces` frames.
std::string compressed(Deflater& deflater, std::string_view message, std::size_t pieces = 1) {
  ByteBuffer out;
  deflater.compress(message, out);
  std::string frames;
  std::string_view rest = out.view();
  for (std::size_t i = 0; i < pieces; ++i) {
    const bool is_last = i + 1 == pieces;
    const std::string_view piece = is_last ? rest : rest.substr(0, rest.size() / 2);
    rest.remove_prefix(piece.size());
    frames += raw_client_frame((is_last ? k_fin : 0) | (i == 0 ? k_rsv1 | 1 : 0), piece);
  }
  return frames;
}

}  // namespace

TEST_CASE("messages are joined, control frames pass between their fragments") {
  CHECK(events(text("one") + first("t") + client_frame(Opcode::ping, "p") + more("w") +
               client_frame(Opcode::pong, "q") + last("o") + text("") + first("") + last("") +
               client_frame(Opcode::binary, "\xff\x00"s)) ==
        Events{"text:one", "ping:p", "pong:q", "text:two", "text:", "text:", "binary:\xff\x00"s});
}

TEST_CASE("fragments out of order are refused") {
  CHECK(events(last("a")) == Events{"failed:1002"});
  CHECK(events(more("a")) == Events{"failed:1002"});
  CHECK(events(first("a") + text("b")) == Events{"failed:1002"});
  CHECK(events(text("a") + last("b")) == Events{"text:a", "failed:1002"});
  CHECK(events(first("a") + last("b") + last("c")) == Events{"text:ab", "failed:1002"});
}

TEST_CASE("text must be UTF-8 as a whole, and is refused as soon as it cannot be") {
  const std::string kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
  CHECK(events(text(kosme)) == Events{"text:" + kosme});
  for (std::size_t cut = 0; cut <= kosme.size(); ++cut) {
    CHECK(events(first(kosme.substr(0, cut)) + last(kosme.substr(cut))) == Events{"text:" + kosme});
  }
  CHECK(events(text("\xce")) == Events{"failed:1007"});
  CHECK(events(text("a\xed\xa0\x80")) == Events{"failed:1007"});
  CHECK(events(text("\xf4\x90\x80\x80")) == Events{"failed:1007"});
  CHECK(events(text("\xc0\x80")) == Events{"failed:1007"});
  // The first fragment alone is refused; the second never comes.
  CHECK(events(first(kosme + "\xf4\x90")) == Events{"failed:1007"});
  // Bytes are not text.
  CHECK(events(client_frame(Opcode::binary, "\xce")) == Events{"binary:\xce"});
}

TEST_CASE("close codes and reasons are checked") {
  CHECK(events(close("")) == Events{"close:1005:"});
  CHECK(events(close(close_payload(1000))) == Events{"close:1000:"});
  CHECK(events(close(close_payload(3000, "h\xc3\xa9"))) == Events{"close:3000:h\xc3\xa9"});
  CHECK(events(close(close_payload(1000, std::string(123, 'r')))) ==
        Events{"close:1000:" + std::string(123, 'r')});
  CHECK(events(close("\x03")) == Events{"failed:1002"});
  CHECK(events(close(close_payload(1000, "\xff"))) == Events{"failed:1007"});
  for (const int code : {1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3999, 4000, 4999}) {
    CHECK(events(close(close_payload(static_cast<std::uint16_t>(code)))) ==
          Events{"close:" + std::to_string(code) + ":"});
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CHECK(events(close(close_payload(static_cast<std::uint16_t>(code)))) == Events{"failed:1002"});
  }
}

TEST_CASE("a message beyond the limit is refused, by the head of its frame if it can be") {
  CHECK(events(text(std::string(1000, 'a'))) == Events{"text:" + std::string(1000, 'a')});
  CHECK(events(text(std::string(1001, 'a'))) == Events{"failed:1009"});
  CHECK(events(first(std::string(600, 'a')) + last(std::string(401, 'a'))) ==
        Events{"failed:1009"});
  const std::string head = text(std::string(1001, 'a')).substr(0, 9);
  CHECK(events(head) == Events{"failed:1009"});
}

TEST_CASE("compressed messages are inflated, with and without the context of those before") {
  const std::string lines = std::string(50, 'a') + "the same, the same, the same";
  for (const bool keeps_context : {false, true}) {
    CAPTURE(keeps_context);
    DeflateParameters parameters;
    parameters.client_no_context_takeover = !keeps_context;
    Deflater deflater(15, 8);
    std::string bytes;
    for (std::size_t pieces = 1; pieces <= 4; ++pieces) {
      bytes += compressed(deflater, lines, pieces);
      if (!keeps_context) {
        deflater.forget();
      }
    }
    bytes += text("plain") + compressed(deflater, "");
    CHECK(events(bytes, parameters) == Events{"text:" + lines, "text:" + lines, "text:" + lines,
                                              "text:" + lines, "text:plain", "text:"});
  }
}

TEST_CASE("a message that refers to one before is refused where none may") {
  DeflateParameters parameters;
  parameters.client_no_context_takeover = true;
  Deflater deflater(15, 8);
  const std::string lines(200, 'x');
  const std::string bytes =
      compressed(deflater, lines + "unique words") + compressed(deflater, lines + "unique words");
  const Events found = events(bytes, parameters);
  REQUIRE(found.size() == 2);
  CHECK(found[1] == "failed:1007");
}

TEST_CASE("a compression bomb is refused and unfolds no further than the limit") {
  Deflater deflater(15, 9);
  const std::string bomb = compressed(deflater, std::string(10'000'000, '\0'));
  CHECK(bomb.size() < 15'000);
  CHECK(events_of(bomb, bomb.size(), DeflateParameters{}, 100'000) == Events{"failed:1009"});
  CHECK(events_of(bomb, 1, DeflateParameters{}, 100'000) == Events{"failed:1009"});
}

TEST_CASE("data that no deflater made is refused") {
  const auto frame = [](std::string_view payload) { return raw_client_frame(0xc2, payload); };
  CHECK(events(frame("\xff\xff\xff\xff"), DeflateParameters{}) == Events{"failed:1007"});
  CHECK(events(frame("\x06"), DeflateParameters{}) == Events{"failed:1007"});
  // It ends within a block.
  Deflater deflater(15, 8);
  ByteBuffer out;
  deflater.compress("some text that is long enough to be cut, some text", out);
  CHECK(events(frame(out.view().substr(0, out.size() / 2)), DeflateParameters{}) ==
        Events{"failed:1007"});
  // Inflated text is checked as any other.
  CHECK(events(compressed(deflater, "\xce"), DeflateParameters{}) == Events{"failed:1007"});
}

TEST_CASE("the examples of RFC 7692 are understood") {
  const auto frame = [](std::string_view payload) { return raw_client_frame(0xc1, payload); };
  const std::string hello("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
  CHECK(events(frame(hello), DeflateParameters{}) == Events{"text:Hello"});
  // With the window of the first.
  CHECK(events(frame(hello) + frame("\xf2\x00\x11\x00\x00"s), DeflateParameters{}) ==
        Events{"text:Hello", "text:Hello"});
  // A block without compression.
  CHECK(events(frame("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s), DeflateParameters{}) ==
        Events{"text:Hello"});
  // A final block, which is no end.
  CHECK(events(frame("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s) + frame(hello), DeflateParameters{}) ==
        Events{"text:Hello", "text:Hello"});
  // Two blocks.
  CHECK(events(frame("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s),
               DeflateParameters{}) == Events{"text:Hello"});
}

TEST_CASE("a shared deflater refers to nothing before") {
  Deflater& deflater = Deflater::shared(15);
  ByteBuffer first;
  deflater.compress("a message that is sent twice", first);
  deflater.forget();
  ByteBuffer second;
  deflater.compress("a message that is sent twice", second);
  deflater.forget();
  CHECK(first.view() == second.view());
  CHECK(&Deflater::shared(15) == &deflater);
  CHECK(&Deflater::shared(9) != &deflater);
}
