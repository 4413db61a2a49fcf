// SPDX-License-Identifier: MIT
#include "reactor/buffer_pool.hpp"

#include <sys/mman.h>

#include <new>

namespace uringcorn::reactor {

BufferPool::BufferPool(std::uint16_t count, std::size_t size, Owner& owner)
    : count_(count), size_(size), owner_(owner) {
  void* memory = ::mmap(nullptr, count * size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  memory_ = static_cast<char*>(memory);
}

BufferPool::~BufferPool() {
  ::munmap(memory_, count_ * size_);
}

}  // namespace uringcorn::reactor
