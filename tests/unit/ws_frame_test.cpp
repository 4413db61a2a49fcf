// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http/ws/frame_parser.hpp"
#include "http/ws/frame_writer.hpp"
#include "ws_frames.hpp"

namespace {

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace uringcorn::http::ws;
using namespace std::string_literals;

struct Frame {
  Opcode opcode;
  bool final_frame;
  bool compressed;
  std::string payload;

  bool operator==(const Frame&) const = default;
};

struct Parsed {
  std::vector<Frame> frames;
  FrameError error = FrameError::none;
  std::string unused;

  bool operator==(const Parsed&) const = default;
};

/// Feeds one piece; whole frames are put together from their pieces.
void feed(FrameParser& parser, std::string piece_bytes, Parsed& parsed, Frame& frame) {
  std::span<char> input(piece_bytes.data(), piece_bytes.size());
  for (;;) {
    FramePiece piece;
    const FrameParser::Status status = parser.next(input, piece);
    if (status == FrameParser::Status::more) {
      CHECK(input.empty());
      return;
    }
    if (status == FrameParser::Status::failed) {
      parsed.error = parser.error();
      CHECK(parser.next(input, piece) == FrameParser::Status::failed);
      return;
    }
    if (piece.begins_frame) {
      frame = {piece.opcode, piece.final_frame, piece.compressed, ""};
    }
    CHECK(frame.opcode == piece.opcode);
    frame.payload.append(piece.payload.data(), piece.payload.size());
    if (piece.ends_frame) {
      CHECK(piece.frame_length == frame.payload.size());
      parsed.frames.push_back(frame);
    }
  }
}

Parsed parse(const std::vector<std::string>& pieces, std::uint64_t limit = 1000,
             bool compression = false) {
  FrameParser parser(limit, compression);
  Parsed parsed;
  Frame frame{};
  for (const std::string& piece : pieces) {
    if (parsed.error == FrameError::none) {
      feed(parser, piece, parsed, frame);
    }
  }
  return parsed;
}

Parsed parse(const std::string& bytes, std::uint64_t limit = 1000, bool compression = false) {
  return parse(std::vector<std::string>{bytes}, limit, compression);
}

/// The outcome must not depend on where the bytes were cut.
Parsed parse_split_everywhere(const std::string& bytes, std::uint64_t limit = 1000,
                              bool compression = false) {
  const Parsed whole = parse(bytes, limit, compression);
  std::vector<std::string> single;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    CHECK(parse({bytes.substr(0, cut), bytes.substr(cut)}, limit, compression) == whole);
    if (cut < bytes.size()) {
      single.push_back(bytes.substr(cut, 1));
    }
  }
  CHECK(parse(single, limit, compression) == whole);
  return whole;
}

}  // namespace

TEST_CASE("frames come out whole wherever the bytes are cut") {
  const std::string bytes =
      client_frame(Opcode::text, "Hello") + client_frame(Opcode::text, "Hel", false) +
      client_frame(Opcode::ping, "") + client_frame(Opcode::continuation, "lo") +
      client_frame(Opcode::binary, std::string(126, 'b')) +
      client_frame(Opcode::close, close_payload(1000, "bye"));
  const Parsed parsed = parse_split_everywhere(bytes);
  CHECK(parsed.error == FrameError::none);
  CHECK(parsed.frames == std::vector<Frame>{
                             {Opcode::text, true, false, "Hello"},
                             {Opcode::text, false, false, "Hel"},
                             {Opcode::ping, true, false, ""},
                             {Opcode::continuation, true, false, "lo"},
                             {Opcode::binary, true, false, std::string(126, 'b')},
                             {Opcode::close, true, false, close_payload(1000, "bye")},
                         });
}

TEST_CASE("the example of RFC 6455 is understood") {
  CHECK(parse("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").frames ==
        std::vector<Frame>{{Opcode::text, true, false, "Hello"}});
}

TEST_CASE("lengths of every form are understood") {
  for (const std::size_t size : {0, 1, 125, 126, 127, 128, 65'535, 65'536, 65'537}) {
    CAPTURE(size);
    const std::string payload(size, 'x');
    const Parsed parsed = parse(client_frame(Opcode::binary, payload), 100'000);
    REQUIRE(parsed.frames.size() == 1);
    CHECK(parsed.frames[0].payload == payload);
  }
}

TEST_CASE("what no frame may be is refused, wherever the bytes are cut") {
  struct Case {
    std::string bytes;
    FrameError error;
  };
  const std::string mask(k_test_mask.data(), k_test_mask.size());
  std::vector<Case> cases{
      {raw_client_frame(0x91, "a"), FrameError::reserved_bits},
      {raw_client_frame(0xa1, "a"), FrameError::reserved_bits},
      {raw_client_frame(0xc1, "a"), FrameError::reserved_bits},
      {raw_client_frame(0xf9, "a"), FrameError::reserved_bits},
      {"\x81\x01"s + "a", FrameError::not_masked},
      {raw_client_frame(0x09, ""), FrameError::fragmented_control},
      {raw_client_frame(0x08, ""), FrameError::fragmented_control},
      {client_frame(Opcode::ping, std::string(126, 'p')), FrameError::control_too_long},
      {"\x82\xfe\x00\x7d"s + mask, FrameError::length_not_minimal},
      {"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"s + mask, FrameError::length_not_minimal},
      {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"s + mask, FrameError::length_out_of_range},
      {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"s + mask, FrameError::frame_too_big},
      {client_frame(Opcode::binary, std::string(1001, 'b')), FrameError::frame_too_big},
  };
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    cases.push_back({raw_client_frame(0x80 | opcode, ""), FrameError::reserved_opcode});
  }
  for (const Case& one : cases) {
    CAPTURE(one.bytes);
    const Parsed parsed = parse_split_everywhere(client_frame(Opcode::text, "ok") + one.bytes);
    CHECK(parsed.error == one.error);
    CHECK(parsed.frames.size() == 1);
  }
}

TEST_CASE("RSV1 is for the first frame of a message, where compression was agreed upon") {
  CHECK(parse(raw_client_frame(k_fin | k_rsv1 | 1, "a"), 1000, true).frames[0].compressed);
  CHECK(parse(raw_client_frame(k_rsv1 | 2, "a"), 1000, true).frames[0].compressed);
  for (const unsigned opcode : {0U, 8U, 9U, 10U}) {
    CHECK(parse(raw_client_frame(k_fin | k_rsv1 | opcode, ""), 1000, true).error ==
          FrameError::reserved_bits);
  }
}

TEST_CASE("a frame that is too big is refused by its head alone") {
  CHECK(parse("\x82\xfe\x03\xe9"s).error == FrameError::frame_too_big);
  CHECK(parse("\x82\xfe\x03\xe8"s).error == FrameError::none);
}

TEST_CASE("masking twice gives what there was, from any offset and at any size") {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
      text += static_cast<char>(i * 7);
    }
    std::string whole = text;
    apply_mask({whole.data(), size}, k_test_mask, 0);
    for (std::size_t i = 0; i < size; ++i) {
      CHECK(whole[i] == static_cast<char>(text[i] ^ k_test_mask[i % 4]));
    }
    for (std::size_t cut = 0; cut <= size; ++cut) {
      std::string pieces = whole;
      apply_mask({pieces.data(), cut}, k_test_mask, 0);
      apply_mask({pieces.data() + cut, size - cut}, k_test_mask, cut);
      CHECK(pieces == text);
    }
  }
}

TEST_CASE("a server's frame has the shortest length and no mask") {
  ByteBuffer out;
  append_frame(out, {Opcode::text}, "Hello");
  CHECK(out.view() == "\x81\x05Hello");
  out.clear();
  append_frame(out, {Opcode::binary, true, false}, "");
  CHECK(out.view() == "\x42\x00"s);
  out.clear();
  append_frame(out, {Opcode::continuation}, std::string(126, 'a'));
  CHECK(out.view() == "\x80\x7e\x00\x7e"s + std::string(126, 'a'));
  out.clear();
  append_frame(out, {Opcode::binary}, std::string(65'536, 'a'));
  CHECK(out.view().substr(0, 10) == "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
  CHECK(out.size() == 10 + 65'536);
}

TEST_CASE("a Close frame has a code and a reason that fits") {
  ByteBuffer out;
  append_close_frame(out, 1000, "bye");
  CHECK(out.view() == server_close(1000, "bye"));
  out.clear();
  append_close_frame(out, 1005, "of no use");
  CHECK(out.view() == "\x88\x00"s);
  out.clear();
  append_close_frame(out, 4999, std::string(200, 'r'));
  CHECK(out.view() == server_close(4999, std::string(123, 'r')));
  out.clear();
  append_close_frame(out, 1001,
                     std::string(122, 'r') + "\xc3\xa4");  // the cut is before the umlaut
  CHECK(out.view() == server_close(1001, std::string(122, 'r')));
}
