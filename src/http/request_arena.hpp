// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include <uringcorn/request.hpp>

namespace uringcorn::http {

/// Memory that is handed out piece by piece and taken back all at once, when a request is over. Its
/// first block stays and grows to what requests need, so that soon one block is enough.
class RequestArena final : public detail::Arena {
 public:
  static constexpr std::size_t k_first_block_bytes = 2048;
  /// The first block grows no further; what a request needs beyond lives in blocks of its own.
  static constexpr std::size_t k_kept_block_bytes = 16 * 1024;

  /// Aligned for any type.
  char* allocate(std::size_t bytes) override;

  /// An array whose elements are to be written before they are read. For trivial types.
  template <typename T>
  std::span<T> allocate_array(std::size_t count) {
    T* const first = reinterpret_cast<T*>(allocate(count * sizeof(T)));
    std::uninitialized_default_construct_n(first, count);
    return {first, count};
  }

  /// Everything that was allocated is gone.
  void reset() noexcept;

 private:
  char* add_block(std::size_t bytes);

  std::unique_ptr<char[]> first_;
  std::size_t first_bytes_ = k_first_block_bytes;
  std::vector<std::unique_ptr<char[]>> more_;
  std::size_t more_bytes_ = 0;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace uringcorn::http
