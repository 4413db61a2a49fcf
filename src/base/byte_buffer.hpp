// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace uringcorn {

/// Contiguous bytes that grow at the end. Keeps its memory when it is cleared, so that one that is
/// used again and again soon needs no allocation. New memory is not initialized.
class ByteBuffer {
 public:
  ByteBuffer() noexcept = default;

  std::string_view view() const noexcept { return {memory_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  char* data() noexcept { return memory_.get(); }

  /// Room for `bytes` more behind the end; what is written there counts after extend(). Valid until
  /// the next call that may grow the buffer.
  char* room_for(std::size_t bytes) {
    if (capacity_ - size_ < bytes) {
      grow(bytes);
    }
    return memory_.get() + size_;
  }
  /// `bytes` were written to the room at the end.
  void extend(std::size_t bytes) noexcept {
    assert(bytes <= capacity_ - size_);
    size_ += bytes;
  }

  void append(std::string_view bytes) {
    char* const room = room_for(bytes.size());
    std::copy(bytes.begin(), bytes.end(), room);
    size_ += bytes.size();
  }

  void clear() noexcept { size_ = 0; }
  /// Gives the memory back too.
  void release() noexcept {
    memory_.reset();
    size_ = capacity_ = 0;
  }
  /// Takes away the last `bytes`.
  void drop_back(std::size_t bytes) noexcept {
    assert(bytes <= size_);
    size_ -= bytes;
  }
  /// Takes away the first `bytes`; what follows moves to the front.
  void drop_front(std::size_t bytes) noexcept {
    assert(bytes <= size_);
    size_ -= bytes;
    if (size_ > 0 && bytes > 0) {
      std::memmove(memory_.get(), memory_.get() + bytes, size_);
    }
  }

 private:
  static constexpr std::size_t k_least_capacity = 512;

  void grow(std::size_t bytes) {
    const std::size_t capacity = std::max({k_least_capacity, 2 * capacity_, size_ + bytes});
    std::unique_ptr<char[]> memory(new char[capacity]);
    std::copy_n(memory_.get(), size_, memory.get());
    memory_ = std::move(memory);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace uringcorn
