// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace uringcorn::reactor {

class Buffer;

/// The receive buffers of one reactor: one block of memory cut into equal pieces, lent for as long
/// as a Buffer lives. The owner learns of each return, to hand the piece to the kernel again or to
/// wake an operation that found no buffer.
class BufferPool {
 public:
  static constexpr std::uint16_t k_no_buffer = 0xffff;

  class Owner {
   public:
    virtual void buffer_returned(std::uint16_t id) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  /// Maps `count` buffers of `size` bytes; memory is touched only when bytes arrive in it. Throws
  /// std::bad_alloc.
  BufferPool(std::uint16_t count, std::size_t size, Owner& owner);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  /// Every buffer must be back.
  ~BufferPool();

  std::uint16_t count() const noexcept { return count_; }
  std::size_t size() const noexcept { return size_; }
  char* data(std::uint16_t id) const noexcept { return memory_ + id * size_; }

  /// The buffer `id` with `length` received bytes in it, for the caller to hand on.
  Buffer lend(std::uint16_t id, std::size_t length) noexcept;
  void give_back(std::uint16_t id) noexcept { owner_.buffer_returned(id); }

 private:
  std::uint16_t count_;
  std::size_t size_;
  char* memory_;
  Owner& owner_;
};

/// Received bytes in memory that belongs to a BufferPool; goes back to it when destroyed. Keep it
/// for as short as possible: other connections wait for it.
class Buffer {
 public:
  Buffer() noexcept = default;
  Buffer(BufferPool& pool, std::uint16_t id, std::size_t length) noexcept
      : pool_(&pool), id_(id), length_(static_cast<std::uint32_t>(length)) {}
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        id_(other.id_),
        offset_(other.offset_),
        length_(other.length_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      pool_ = std::exchange(other.pool_, nullptr);
      id_ = other.id_;
      offset_ = other.offset_;
      length_ = other.length_;
    }
    return *this;
  }
  ~Buffer() { release(); }

  explicit operator bool() const noexcept { return pool_ != nullptr; }
  std::string_view bytes() const noexcept {
    return pool_ == nullptr ? std::string_view()
                            : std::string_view(pool_->data(id_) + offset_, length_);
  }
  /// The same bytes, to be changed in place.
  std::span<char> writable_bytes() noexcept {
    return pool_ == nullptr ? std::span<char>()
                            : std::span<char>(pool_->data(id_) + offset_, length_);
  }
  /// Shows the bytes after the first `count` from now on; there are at least so many.
  void remove_prefix(std::size_t count) noexcept {
    offset_ += static_cast<std::uint32_t>(count);
    length_ -= static_cast<std::uint32_t>(count);
  }
  void release() noexcept {
    if (pool_ != nullptr) {
      std::exchange(pool_, nullptr)->give_back(id_);
    }
  }

 private:
  BufferPool* pool_ = nullptr;
  std::uint16_t id_ = BufferPool::k_no_buffer;
  std::uint32_t offset_ = 0;
  std::uint32_t length_ = 0;
};

inline Buffer BufferPool::lend(std::uint16_t id, std::size_t length) noexcept {
  return Buffer(*this, id, length);
}

}  // namespace uringcorn::reactor
