// SPDX-License-Identifier: MIT
// The first byte chooses the agreement about compression and how the rest, what a client sends, is
// cut into pieces; the outcome must not depend on the cuts. No message may pass its limit, and none
// of text may be other than UTF-8.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8_validator.hpp"
#include "http/ws/deflate_offer.hpp"
#include "http/ws/frame_parser.hpp"
#include "http/ws/message_assembler.hpp"

namespace {

using namespace uringcorn::http::ws;
using Event = MessageAssembler::Event;

constexpr std::size_t k_message_limit = 300;
constexpr std::uint64_t k_frame_limit = 200;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

struct Outcome {
  std::vector<std::string> events;
  FrameError error = FrameError::none;

  bool operator==(const Outcome&) const = default;
};

class Reader {
 public:
  explicit Reader(const std::optional<DeflateParameters>& compression)
      : parser_(k_frame_limit, compression.has_value()), assembler_(k_message_limit, compression) {}

  bool is_over() const { return over_; }
  const Outcome& outcome() const { return outcome_; }

  void read(std::string bytes) {
    std::span<char> input(bytes.data(), bytes.size());
    FramePiece piece;
    while (!over_) {
      switch (parser_.next(input, piece)) {
        case FrameParser::Status::more:
          require(input.empty());
          return;
        case FrameParser::Status::failed:
          end(parser_.error());
          return;
        case FrameParser::Status::piece:
          take(assembler_.take(piece));
          break;
      }
    }
  }

 private:
  void end(FrameError error) {
    require(!describe(error).sentence.empty());
    outcome_.error = error;
    over_ = true;
  }

  void take(Event event) {
    require(assembler_.held() <= k_message_limit + (event == Event::failed ? 1 : 0));
    switch (event) {
      case Event::none:
        break;
      case Event::message: {
        const std::string message = assembler_.take_message();
        require(message.size() <= k_message_limit);
        require(!assembler_.is_text() || uringcorn::is_utf8(message));
        outcome_.events.push_back((assembler_.is_text() ? "t" : "b") + message);
        break;
      }
      case Event::ping:
      case Event::pong:
        require(assembler_.control_payload().size() <= k_control_payload_max);
        outcome_.events.push_back("p" + std::string(assembler_.control_payload()));
        break;
      case Event::close:
        require(assembler_.close_code() == 1005 || may_be_sent(assembler_.close_code()));
        require(uringcorn::is_utf8(assembler_.close_reason()));
        outcome_.events.push_back("c" + std::string(assembler_.close_reason()));
        over_ = true;
        break;
      case Event::failed:
        end(assembler_.error());
        break;
    }
  }

  FrameParser parser_;
  MessageAssembler assembler_;
  Outcome outcome_;
  bool over_ = false;
};

std::optional<DeflateParameters> agreement(unsigned choice) {
  switch (choice % 4) {
    case 0:
      return std::nullopt;
    case 1:
      return DeflateParameters{.client_no_context_takeover = true};
    case 2:
      return DeflateParameters{};
    default:
      return DeflateParameters{.client_max_window_bits = 9};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::optional<DeflateParameters> compression = agreement(data[0]);
  Reader whole(compression);
  whole.read(std::string(bytes));

  Reader in_pieces(compression);
  unsigned seed = data[0];
  for (std::string_view rest = bytes; !rest.empty() && !in_pieces.is_over();) {
    seed = seed * 1664525U + 1013904223U;
    const std::size_t length = std::min<std::size_t>(rest.size(), seed >> 16 & 7);
    in_pieces.read(std::string(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  // Inflated in pieces, a bomb is noticed at another place, but noticed.
  require(whole.outcome() == in_pieces.outcome());
  return 0;
}
