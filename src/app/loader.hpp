// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <uringcorn/application.hpp>
#include <uringcorn/worker_class.hpp>

namespace uringcorn::app {

/// The application cannot be loaded. what() is one sentence with cause and remedy.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How the file of an application gets into memory.
///
/// A private copy lets others write over the file while it is in use; what is mapped from the file
/// itself would change under the application, or crash it. A file that works only in its place,
/// because it finds its own libraries by $ORIGIN, is used there after all, with a warning.
enum class Mapping { file, private_copy };

/// Makes the application that `app_path` names: `PATH.so` or `PATH.so:NAME` (see URINGCORN_APP and
/// URINGCORN_NAMED_APP); empty: the welcome application. A path without a slash is relative to the
/// current directory. Throws LoadError, and before it knows that the file fits this server it calls
/// nothing in it but its static constructors; what the application itself throws while it is made
/// passes. The file stays loaded for the life of the process.
std::unique_ptr<Application> load(const std::string& app_path, Mapping mapping = Mapping::file);

/// The same for a worker class (see URINGCORN_WORKER_CLASS).
std::unique_ptr<WorkerClass> load_worker_class(const std::string& path,
                                               Mapping mapping = Mapping::file);

/// The file that `app_path` names: the part before the colon, unless the file's own name has one.
/// Empty for the welcome application.
std::string file_of(const std::string& app_path);

}  // namespace uringcorn::app
