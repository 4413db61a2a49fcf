// SPDX-License-Identifier: MIT
#include "base/alternate_stack.hpp"

#include <signal.h>

namespace uringcorn {

AlternateStack::AlternateStack() {
  stack_t present{};
  if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) {
    return;
  }
  // Not written to until it is needed, so that it costs no memory until then.
  memory_ = std::make_unique_for_overwrite<std::byte[]>(k_bytes);
  const stack_t own{.ss_sp = memory_.get(), .ss_flags = 0, .ss_size = k_bytes};
  ::sigaltstack(&own, nullptr);
}

AlternateStack::~AlternateStack() {
  if (memory_) {
    const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    ::sigaltstack(&none, nullptr);
  }
}

}  // namespace uringcorn
