// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/byte_buffer.hpp"
#include "reactor/buffer_pool.hpp"

namespace uringcorn::net::tls {

/// Memory that all TLS sessions of a worker share while they are at work, so that an idle one holds
/// none: where records are built before they are sent, and where they are decrypted to. Must
/// outlive its sessions and the buffers that it lent. Belongs to the thread of the reactor.
class Workbench final : private reactor::BufferPool::Owner {
 public:
  /// `received_max`: the most ciphertext that is decrypted at a time.
  explicit Workbench(std::size_t received_max);

  /// Where to decrypt to; as large as all that one receive can complete. Null: all are lent.
  char* plaintext_room() noexcept;
  std::size_t plaintext_size() const noexcept { return plaintext_.size(); }
  /// The first `length` bytes of the room that plaintext_room() gave last.
  reactor::Buffer lend_plaintext(std::size_t length) noexcept;

  /// Where records are built. Empty between two sessions' uses.
  ByteBuffer& records() noexcept { return records_; }

 private:
  void buffer_returned(std::uint16_t id) noexcept override { free_.push_back(id); }

  reactor::BufferPool plaintext_;
  std::vector<std::uint16_t> free_;  ///< the last one returned is the next one lent: warm memory
  ByteBuffer records_;
};

}  // namespace uringcorn::net::tls
