// SPDX-License-Identifier: MIT
// Descriptors that do not fit the server. Nothing behind them may be called.
#include <cstdlib>
#include <memory>

#include <uringcorn/module.hpp>

namespace {

using namespace uringcorn;

std::unique_ptr<Application> must_not_be_called() {
  std::abort();
}

constexpr ModuleDescriptor k_fitting{k_module_magic,
                                     k_module_abi,
                                     sizeof(ModuleDescriptor),
                                     URINGCORN_COMPILER,
                                     URINGCORN_STANDARD_LIBRARY,
                                     must_not_be_called};

template <class Change>
constexpr ModuleDescriptor changed(Change change) {
  ModuleDescriptor descriptor = k_fitting;
  change(descriptor);
  return descriptor;
}

}  // namespace

extern "C" {
#define DESCRIPTOR(name, change)                                                             \
  __attribute__((visibility("default"))) extern const ModuleDescriptor uringcorn_app_##name; \
  constinit const ModuleDescriptor uringcorn_app_##name =                                    \
      changed([](ModuleDescriptor& descriptor) { change; });

DESCRIPTOR(no_magic, descriptor.magic = 1)
DESCRIPTOR(later_abi, descriptor.abi = 77)
DESCRIPTOR(other_size, descriptor.size += 8)
DESCRIPTOR(other_compiler, descriptor.compiler = "icc 2021.1")
DESCRIPTOR(other_version, descriptor.compiler = "clang 3.0")
DESCRIPTOR(other_library, descriptor.standard_library = "libstdc++ in debug mode")
}
