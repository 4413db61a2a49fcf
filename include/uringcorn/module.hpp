// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

#include <uringcorn/app.hpp>
#include <uringcorn/application.hpp>

namespace uringcorn {

/// The number of the binary interface between a server and an application: it changes with the
/// layout or the meaning of anything in these headers.
constexpr std::uint32_t k_module_abi = 1;
constexpr std::uint64_t k_module_magic = 0x6e726f63'676e6972;        // "ringcorn"
constexpr std::uint64_t k_worker_class_magic = 0x73616c63'676e6972;  // "ringclas"

/// What the shared object of an application (or of a worker class) exports: plain data, complete
/// before any code of the object is called, so that a server can tell whether it may call it. The
/// beginning, up to `size`, never changes.
template <class Made>
struct BasicModuleDescriptor {
  std::uint64_t magic;
  std::uint32_t abi;
  std::uint32_t size;  ///< of this struct
  const char* compiler;
  const char* standard_library;
  std::unique_ptr<Made> (*make)();
};
using ModuleDescriptor = BasicModuleDescriptor<Application>;
static_assert(std::is_standard_layout_v<ModuleDescriptor>);

#define URINGCORN_TEXT_OF(x) #x
#define URINGCORN_TEXT(x) URINGCORN_TEXT_OF(x)

/// The compiler: its family, a space, its version. Families must be equal, because each has its own
/// idea of coroutines; versions need not.
#if defined(__clang__)
#define URINGCORN_COMPILER \
  "clang " URINGCORN_TEXT(__clang_major__) "." URINGCORN_TEXT(__clang_minor__)
#else
#define URINGCORN_COMPILER "gcc " URINGCORN_TEXT(__GNUC__) "." URINGCORN_TEXT(__GNUC_MINOR__)
#endif

/// The standard library and what changes its binary interface. Must be equal.
#if defined(_LIBCPP_ABI_VERSION)
#define URINGCORN_STANDARD_LIBRARY "libc++ with ABI " URINGCORN_TEXT(_LIBCPP_ABI_VERSION)
#elif defined(_GLIBCXX_DEBUG)
#define URINGCORN_STANDARD_LIBRARY "libstdc++ in debug mode"
#elif _GLIBCXX_USE_CXX11_ABI
#define URINGCORN_STANDARD_LIBRARY "libstdc++"
#else
#define URINGCORN_STANDARD_LIBRARY "libstdc++ with the ABI before C++11"
#endif

namespace detail {

/// `subject` is what was given to URINGCORN_APP: it describes an App, or makes an Application.
template <class Subject>
std::unique_ptr<Application> make_from(Subject subject) {
  if constexpr (std::is_invocable_v<Subject, App&>) {
    return make_application(std::function<void(App&)>(subject));
  } else {
    static_assert(std::is_invocable_r_v<std::unique_ptr<Application>, Subject>,
                  "an application is made by void(App&) or std::unique_ptr<Application>()");
    return subject();
  }
}

}  // namespace detail
}  // namespace uringcorn

/// Makes its argument, a function `void(App&)` or `std::unique_ptr<Application>()`, what `uringcorn
/// serve ./libshop.so` serves. Once in a shared object, outside of all namespaces.
#define URINGCORN_APP(...) URINGCORN_EXPORT_MODULE(uringcorn_app, __VA_ARGS__)

/// The same for `uringcorn serve ./libshop.so:name`: one object may have several applications.
#define URINGCORN_NAMED_APP(name, ...) URINGCORN_EXPORT_MODULE(uringcorn_app_##name, __VA_ARGS__)

#define URINGCORN_EXPORT_MODULE(symbol, ...)                                                \
  URINGCORN_EXPORT_MODULE_OF(::uringcorn::Application, ::uringcorn::k_module_magic, symbol, \
                             ::uringcorn::detail::make_from(__VA_ARGS__))

#define URINGCORN_EXPORT_MODULE_OF(made, magic, symbol, ...)                                   \
  extern "C" {                                                                                 \
  __attribute__((visibility("default"))) extern const ::uringcorn::BasicModuleDescriptor<made> \
      symbol;                                                                                  \
  constinit const ::uringcorn::BasicModuleDescriptor<made> symbol{                             \
      magic,                                                                                   \
      ::uringcorn::k_module_abi,                                                               \
      sizeof(::uringcorn::BasicModuleDescriptor<made>),                                        \
      URINGCORN_COMPILER,                                                                      \
      URINGCORN_STANDARD_LIBRARY,                                                              \
      []() -> std::unique_ptr<made> { return __VA_ARGS__; }};                                  \
  }
