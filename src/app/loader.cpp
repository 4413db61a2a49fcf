// SPDX-License-Identifier: MIT
#include "app/loader.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <uringcorn/worker_class.hpp>

#include "app/module_symbols.hpp"
#include "app/welcome.hpp"
#include "base/unique_fd.hpp"
#include "observe/log.hpp"

namespace uringcorn::app {
namespace {

/// What is looked for in a shared object.
struct Wanted {
  std::string_view what;    ///< as a sentence names it
  std::string_view a_what;  ///< the same, with its article
  std::string_view symbol;  ///< the default one; that of a name has "_NAME" behind
  std::string_view macro;   ///< what makes one
  std::uint64_t magic;
};
constexpr Wanted k_application{"application", "an application", "uringcorn_app", "URINGCORN_APP",
                               k_module_magic};
constexpr Wanted k_worker_class{"worker class", "a worker class", "uringcorn_worker_class",
                                "URINGCORN_WORKER_CLASS", k_worker_class_magic};

struct ModulePath {
  const Wanted& wanted;
  std::string file;
  std::string name;  ///< empty: the default

  std::string symbol() const {
    return name.empty() ? std::string(wanted.symbol) : fmt::format("{}_{}", wanted.symbol, name);
  }
};

[[noreturn]] void refuse(const ModulePath& path, std::string_view reason) {
  throw LoadError(fmt::format("cannot load the {} {}: {}", path.wanted.what, path.file, reason));
}

ModulePath split(const Wanted& wanted, const std::string& text) {
  const std::string file = file_of(text);
  if (file.size() == text.size()) {
    return {wanted, text, ""};
  }
  ModulePath path{wanted, file, text.substr(file.size() + 1)};
  if (path.name.empty()) {
    refuse(path,
           fmt::format("no name follows the colon (leave it out for the default {})", wanted.what));
  }
  return path;
}

void require_file(const ModulePath& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path.file, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    const std::string directory = std::filesystem::current_path(error).string();
    refuse(path, path.file.starts_with('/') || error
                     ? "no such file"
                     : fmt::format("no such file (seen from {})", directory));
  }
  if (error) {
    refuse(path, error.message());
  }
  if (!std::filesystem::is_regular_file(status)) {
    refuse(path,
           fmt::format("it is not a file ({} is a shared object, libNAME.so)", path.wanted.a_what));
  }
  if (is_cut_short(path.file)) {
    refuse(path, "the file is cut short (was it copied to its end?)");
  }
}

/// A copy in memory, by a name that is good as long as this process lives, also for the debuggers
/// and symbolizers that look at it from outside. Empty: there is no copy.
std::string copy_into_memory(const std::string& file) {
  const UniqueFd from(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string name = std::filesystem::path(file).filename();
  UniqueFd to(::memfd_create(name.c_str(), MFD_CLOEXEC));
  struct stat status{};
  if (!from || !to || ::fstat(from.get(), &status) != 0) {
    return {};
  }
  for (off_t left = status.st_size; left > 0;) {
    const ssize_t copied =
        ::sendfile(to.get(), from.get(), nullptr, static_cast<std::size_t>(left));
    if (copied <= 0) {
      return {};
    }
    left -= copied;
  }
  return fmt::format("/proc/{}/fd/{}", ::getpid(), to.release());
}

/// The file, loaded for good: closing it would unmap code that threads or destructors still need.
void* open(const ModulePath& path, Mapping mapping) {
  const bool has_slash = path.file.find('/') != std::string::npos;
  // Without a slash dlopen() would search the directories of libraries.
  const std::string name = has_slash ? path.file : "./" + path.file;
  if (mapping == Mapping::private_copy) {
    const std::string copy = copy_into_memory(name);
    void* const handle = copy.empty() ? nullptr : ::dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) {
      return handle;
    }
  }
  void* const handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr && mapping == Mapping::private_copy) {
    observe::warning("{} works only in its place: do not write over it, replace it by renaming",
                     path.file);
  }
  if (handle == nullptr) {
    std::string_view reason = ::dlerror();
    if (reason.starts_with(name + ": ")) {
      reason.remove_prefix(name.size() + 2);
    }
    refuse(path, reason);
  }
  return handle;
}

std::string names_of_other_apps(const ModulePath& path) {
  std::string others;
  for (const std::string& symbol : defined_symbols(path.file, path.wanted.symbol)) {
    others.append(others.empty() ? "" : ", ").append(path.file);
    if (symbol.size() > path.wanted.symbol.size()) {
      others.append(":").append(symbol.substr(path.wanted.symbol.size() + 1));
    }
  }
  return others;
}

template <class Made>
const BasicModuleDescriptor<Made>& find(void* handle, const ModulePath& path) {
  const void* const place = ::dlsym(handle, path.symbol().c_str());
  if (place == nullptr) {
    const std::string others = names_of_other_apps(path);
    refuse(path, fmt::format("it has no symbol {} ({})", path.symbol(),
                             others.empty() ? fmt::format("say {}(function) in one of its sources",
                                                          path.wanted.macro)
                                            : "it does have " + others));
  }
  return *static_cast<const BasicModuleDescriptor<Made>*>(place);
}

/// The first word: the family, without the version.
std::string_view family_of(std::string_view compiler) {
  return compiler.substr(0, compiler.find(' '));
}

template <class Made>
void require_fit(const BasicModuleDescriptor<Made>& module, const ModulePath& path) {
  if (module.magic != path.wanted.magic) {
    refuse(path, fmt::format("its symbol {} is no {} ({}(function) makes one)", path.symbol(),
                             path.wanted.what, path.wanted.macro));
  }
  if (module.abi != k_module_abi || module.size != sizeof(module)) {
    refuse(path, fmt::format("it was built for the application interface {}, this server has {} "
                             "(build it with the headers of uringcorn {})",
                             module.abi, k_module_abi, URINGCORN_VERSION));
  }
  if (family_of(module.compiler) != family_of(URINGCORN_COMPILER)) {
    refuse(path, fmt::format("it was built by {}, this server by {} (build it by {})",
                             module.compiler, URINGCORN_COMPILER, family_of(URINGCORN_COMPILER)));
  }
  if (module.standard_library != std::string_view(URINGCORN_STANDARD_LIBRARY)) {
    refuse(path, fmt::format("it was built with {}, this server with {} (build it with {})",
                             module.standard_library, URINGCORN_STANDARD_LIBRARY,
                             URINGCORN_STANDARD_LIBRARY));
  }
}

template <class Made>
std::unique_ptr<Made> make(const BasicModuleDescriptor<Made>& module) {
  try {
    return module.make();
  } catch (const std::exception&) {
    throw;
  } catch (...) {
    throw std::runtime_error("it threw an exception that is no std::exception");
  }
}

template <class Made>
std::unique_ptr<Made> load_as(const Wanted& wanted, const std::string& text, Mapping mapping) {
  const ModulePath path = split(wanted, text);
  require_file(path);
  const BasicModuleDescriptor<Made>& module = find<Made>(open(path, mapping), path);
  require_fit(module, path);
  std::unique_ptr<Made> made = make(module);
  if (!made) {
    throw std::runtime_error(fmt::format("{} made no {}", text, wanted.what));
  }
  return made;
}

}  // namespace

std::unique_ptr<Application> load(const std::string& app_path, Mapping mapping) {
  return app_path.empty() ? make_welcome_application()
                          : load_as<Application>(k_application, app_path, mapping);
}

std::unique_ptr<WorkerClass> load_worker_class(const std::string& path, Mapping mapping) {
  return load_as<WorkerClass>(k_worker_class, path, mapping);
}

std::string file_of(const std::string& app_path) {
  std::error_code ignored;
  return std::filesystem::exists(app_path, ignored) ? app_path
                                                    : app_path.substr(0, app_path.rfind(':'));
}

}  // namespace uringcorn::app
