// SPDX-License-Identifier: MIT
// Answers that take their time, or their space.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>

#include "httpbin.hpp"
#include "json.hpp"
#include "report.hpp"

namespace httpbin {
namespace {

using namespace uringcorn;

constexpr double k_delay_max_s = 10;
constexpr int k_lines_max = 100;
constexpr std::uint64_t k_drip_bytes_max = 10 << 20;
constexpr std::size_t k_piece_bytes = 16 << 10;

/// A time as people write it, "0.5", within 0 and the longest that is allowed.
Clock::duration parse_seconds(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(seconds)) {
    throw HttpError(400, "A time is a number of seconds.");
  }
  seconds = std::clamp(seconds, 0.0, k_delay_max_s);
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

Task<Response> delay(Request& request) {
  co_await sleep_for(parse_seconds(request.param("seconds")));
  Response response = co_await body_report(request);
  co_return response;
}

/// Bytes without end: the same ones for the same seed.
class RandomBytes {
 public:
  explicit RandomBytes(std::uint64_t seed) : random_(seed) {}

  void fill(std::string& piece) {
    for (std::size_t i = 0; i < piece.size(); i += sizeof(std::uint64_t)) {
      const std::uint64_t word = random_();
      std::memcpy(piece.data() + i, &word, std::min(sizeof(word), piece.size() - i));
    }
  }

 private:
  std::mt19937_64 random_;
};

Response random_bytes(const Request& request, std::size_t piece_bytes) {
  const std::optional<std::uint64_t> count = request.param<std::uint64_t>("n");
  if (!count) {
    throw HttpError(400, "The size is a number of bytes.");
  }
  const std::uint64_t seed = request.query<std::uint64_t>("seed").value_or(std::random_device{}());
  return Response::stream([count = *count, seed, piece_bytes](BodyWriter& writer) -> Task<void> {
    RandomBytes random(seed);
    std::string piece;
    for (std::uint64_t rest = count; rest > 0; rest -= piece.size()) {
      piece.resize(std::min<std::uint64_t>(rest, piece_bytes));
      random.fill(piece);
      co_await writer.write(piece);
    }
  });
}

Response bytes(const Request& request) {
  return random_bytes(request, k_piece_bytes).length(*request.param<std::uint64_t>("n"));
}

/// So many bytes that cost nothing to make: what is measured with it is the way to the client.
Response filler(const Request& request) {
  static const std::string k_filler(1 << 20, 'x');
  const std::optional<std::uint64_t> count = request.param<std::uint64_t>("n");
  if (!count) {
    throw HttpError(400, "The size is a number of bytes.");
  }
  return Response::stream([count = *count](BodyWriter& writer) -> Task<void> {
           for (std::uint64_t sent = 0; sent < count; sent += k_filler.size()) {
             const std::size_t size = std::min<std::uint64_t>(count - sent, k_filler.size());
             co_await writer.write(std::string_view(k_filler).substr(0, size));
           }
         })
      .length(*count);
}

Response stream_bytes(const Request& request) {
  const std::size_t piece = request.query<std::size_t>("chunk_size").value_or(k_piece_bytes);
  return random_bytes(request, std::clamp<std::size_t>(piece, 1, k_piece_bytes));
}

std::string line_of(const Request& request, int id) {
  JsonWriter json(JsonWriter::Layout::one_line);
  json.begin_object();
  write_url(json, request);
  write_args(json, request);
  write_headers(json, request);
  write_origin(json, request);
  json.member("id").number(id).end_object();
  return json.take();
}

Response stream(Request& request) {
  const int count = std::min(request.param<int>("n").value_or(-1), k_lines_max);
  if (count < 0) {
    throw HttpError(400, "The length is a number of lines.");
  }
  return Response::stream(
      [count, &request](BodyWriter& writer) -> Task<void> {
        for (int id = 0; id < count; ++id) {
          const std::string line = line_of(request, id);
          co_await writer.write(line);
        }
      },
      "application/json");
}

Task<Response> drip(Request& request) {
  const Clock::duration duration = parse_seconds(request.query("duration").value_or("2"));
  const Clock::duration before = parse_seconds(request.query("delay").value_or("2"));
  const std::uint64_t count = request.query<std::uint64_t>("numbytes").value_or(10);
  const int status = request.query<int>("code").value_or(200);
  if (count == 0 || count > k_drip_bytes_max || status < 200 || status > 599) {
    throw HttpError(400, fmt::format("Say numbytes from 1 to {}, and a code from 200 to 599.",
                                     k_drip_bytes_max));
  }
  co_await sleep_for(before);
  const auto pause = duration / static_cast<Clock::rep>(count);
  Response response = Response::stream([count, pause](BodyWriter& writer) -> Task<void> {
    for (std::uint64_t i = 0; i < count; ++i) {
      co_await writer.write("*");
      co_await sleep_for(pause);
    }
  });
  co_return std::move(response).status(status).length(count);
}

}  // namespace

void add_streams(App& app) {
  app.any("/delay/{seconds}", delay);
  app.get("/bytes/{n}", bytes);
  app.get("/filler/{n}", filler);
  app.get("/stream/{n}", stream);
  app.get("/stream-bytes/{n}", stream_bytes);
  app.get("/drip", drip);
}

}  // namespace httpbin
