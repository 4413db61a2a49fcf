// SPDX-License-Identifier: MIT
#include "allocation_counter.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define URINGCORN_COUNT_ALLOCATIONS 0
#endif
#endif
#ifndef URINGCORN_COUNT_ALLOCATIONS
#define URINGCORN_COUNT_ALLOCATIONS 1
#endif

namespace uringcorn::tests {
namespace {

constinit thread_local Allocations t_allocations;

}  // namespace

const Allocations& allocations() noexcept {
  return t_allocations;
}
bool counts_allocations() noexcept {
  return URINGCORN_COUNT_ALLOCATIONS == 1;
}

}  // namespace uringcorn::tests

#if URINGCORN_COUNT_ALLOCATIONS

void* operator new(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  auto& allocations = uringcorn::tests::t_allocations;
  allocations.count++;
  allocations.live_bytes += static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
  return memory;
}

void operator delete(void* memory) noexcept {
  uringcorn::tests::t_allocations.live_bytes -=
      static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

#endif
