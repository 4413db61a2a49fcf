// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_buffer.hpp"

struct z_stream_s;

namespace uringcorn::http::ws {

constexpr int k_window_bits_max = 15;

/// Compresses messages (RFC 7692, section 7.2.1). Throws std::bad_alloc when there is no memory for
/// its state: about 2^(window_bits + 2) + 2^(memory_level + 9) bytes.
class Deflater {
 public:
  /// `window_bits` 9 to 15, `memory_level` 1 to 9 (see zlib's deflateInit2).
  Deflater(int window_bits, int memory_level);
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater();

  /// Appends `message` to `out`, compressed. It may refer to the messages before it, back to the
  /// last forget().
  void compress(std::string_view message, ByteBuffer& out);
  /// The next message refers to nothing before it.
  void forget() noexcept;

  /// One for all messages of this thread that refer to no other; see forget(). The same object for
  /// the same `window_bits`.
  static Deflater& shared(int window_bits);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

/// Inflates messages (RFC 7692, section 7.2.2), in pieces. Its state takes about 7 KiB and the
/// window.
class Inflater {
 public:
  enum class Result : std::uint8_t {
    ok,
    too_big,    ///< the message is longer than the limit; it was inflated no further
    malformed,  ///< no DEFLATE data, or it ends where it must not
  };

  /// `window_bits` 8 to 15: the largest that the sender may use. Throws std::bad_alloc.
  explicit Inflater(int window_bits);
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  /// Appends what `piece` of a message stands for to `message`, which grows to `limit` bytes at
  /// most, and one.
  Result inflate(std::string_view piece, std::string& message, std::size_t limit);
  /// The same for the bytes that a sender leaves out at the end of every message.
  Result finish(std::string& message, std::size_t limit);
  /// The next message refers to nothing before it. Gives the window's content up.
  void forget() noexcept;

  /// One for a message that refers to no other, from a small store of this thread; give it back
  /// when the message is whole.
  static std::unique_ptr<Inflater> borrow();
  static void give_back(std::unique_ptr<Inflater> inflater) noexcept;

 private:
  bool continue_behind_final_block() noexcept;

  std::unique_ptr<z_stream_s> stream_;
};

}  // namespace uringcorn::http::ws
