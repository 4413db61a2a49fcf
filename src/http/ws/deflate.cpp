// SPDX-License-Identifier: MIT
#include "http/ws/deflate.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>
#include <vector>

#define ZLIB_CONST
#include <zlib.h>

namespace uringcorn::http::ws {
namespace {

/// Fast, and not much worse than zlib's own default for messages of some hundred bytes.
constexpr int k_level = 4;
/// Its hash table, cleared for each message, is half of zlib's default.
constexpr int k_shared_memory_level = 7;
/// What ends a message that was compressed with a sync flush, and is not sent (RFC 7692, 7.2.1).
constexpr std::string_view k_tail("\x00\x00\xff\xff", 4);
constexpr std::string_view k_empty_block("\x00", 1);
/// A flush adds at most so much to what deflateBound() tells.
constexpr std::size_t k_flush_room = 16;
constexpr std::size_t k_least_output = 1024;
constexpr std::size_t k_spare_inflaters_max = 4;

std::vector<std::unique_ptr<Inflater>>& spare_inflaters() {
  thread_local std::vector<std::unique_ptr<Inflater>> t_spare;
  return t_spare;
}

const Bytef* input_of(std::string_view bytes) noexcept {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

}  // namespace

Deflater::Deflater(int window_bits, int memory_level) : stream_(std::make_unique<z_stream>()) {
  // Negative: without zlib's head and checksum.
  if (deflateInit2(stream_.get(), k_level, Z_DEFLATED, -window_bits, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

Deflater::~Deflater() {
  deflateEnd(stream_.get());
}

void Deflater::compress(std::string_view message, ByteBuffer& out) {
  if (message.empty()) {
    // zlib writes nothing when it has just been flushed (RFC 7692, 7.2.3.6).
    out.append(k_empty_block);
    return;
  }
  stream_->next_in = input_of(message);
  stream_->avail_in = static_cast<uInt>(message.size());
  std::size_t room = deflateBound(stream_.get(), message.size()) + k_flush_room;
  do {
    stream_->next_out = reinterpret_cast<Bytef*>(out.room_for(room));
    stream_->avail_out = static_cast<uInt>(room);
    ::deflate(stream_.get(), Z_SYNC_FLUSH);
    out.extend(room - stream_->avail_out);
    room = k_least_output;
  } while (stream_->avail_out == 0);
  out.drop_back(k_tail.size());
}

void Deflater::forget() noexcept {
  deflateReset(stream_.get());
}

Deflater& Deflater::shared(int window_bits) {
  thread_local std::array<std::unique_ptr<Deflater>, k_window_bits_max + 1> t_deflaters;
  std::unique_ptr<Deflater>& deflater = t_deflaters[static_cast<std::size_t>(window_bits)];
  if (!deflater) {
    deflater = std::make_unique<Deflater>(window_bits, k_shared_memory_level);
  }
  return *deflater;
}

Inflater::Inflater(int window_bits) : stream_(std::make_unique<z_stream>()) {
  if (inflateInit2(stream_.get(), -window_bits) != Z_OK) {
    throw std::bad_alloc();
  }
}

Inflater::~Inflater() {
  inflateEnd(stream_.get());
}

Inflater::Result Inflater::inflate(std::string_view piece, std::string& message,
                                   std::size_t limit) {
  stream_->next_in = input_of(piece);
  stream_->avail_in = static_cast<uInt>(piece.size());
  for (;;) {
    const std::size_t size = message.size();
    const std::size_t wanted = std::max({k_least_output, size, std::size_t{stream_->avail_in} * 2});
    const std::size_t room = std::min(wanted, limit + 1 - size);
    message.resize(size + room);
    stream_->next_out = reinterpret_cast<Bytef*>(message.data() + size);
    stream_->avail_out = static_cast<uInt>(room);
    const int result = ::inflate(stream_.get(), Z_SYNC_FLUSH);
    message.resize(size + room - stream_->avail_out);
    if (message.size() > limit) {
      return Result::too_big;
    }
    if (result == Z_STREAM_END) {
      if (!continue_behind_final_block()) {
        return Result::malformed;
      }
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return Result::malformed;
    } else if (stream_->avail_out > 0) {
      return Result::ok;
    }
  }
}

Inflater::Result Inflater::finish(std::string& message, std::size_t limit) {
  const Result result = inflate(k_tail, message, limit);
  // zlib sets 128 where it expects a block to begin; the bits below count what is left of a byte.
  constexpr int at_block_start = 128;
  constexpr int at_block_start_mask = 128 + 63;
  const bool is_whole = (stream_->data_type & at_block_start_mask) == at_block_start;
  return result == Result::ok && !is_whole ? Result::malformed : result;
}

/// A final block ends a stream for zlib, but neither a message nor its window (RFC 7692, 7.2.3.4).
bool Inflater::continue_behind_final_block() noexcept {
  std::array<Bytef, 1u << k_window_bits_max> window;
  uInt size = 0;
  return inflateGetDictionary(stream_.get(), window.data(), &size) == Z_OK &&
         inflateReset(stream_.get()) == Z_OK &&
         inflateSetDictionary(stream_.get(), window.data(), size) == Z_OK;
}

void Inflater::forget() noexcept {
  inflateReset(stream_.get());
}

std::unique_ptr<Inflater> Inflater::borrow() {
  auto& spare = spare_inflaters();
  if (spare.empty()) {
    return std::make_unique<Inflater>(k_window_bits_max);
  }
  std::unique_ptr<Inflater> inflater = std::move(spare.back());
  spare.pop_back();
  return inflater;
}

void Inflater::give_back(std::unique_ptr<Inflater> inflater) noexcept {
  auto& spare = spare_inflaters();
  if (spare.size() < k_spare_inflaters_max) {
    inflater->forget();
    spare.reserve(k_spare_inflaters_max);
    spare.push_back(std::move(inflater));
  }
}

}  // namespace uringcorn::http::ws
