// SPDX-License-Identifier: MIT
#include "arbiter/start.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace uringcorn::arbiter {
namespace {

std::string working_directory() {
  const char* name = std::getenv("PWD");
  struct stat named{};
  struct stat real{};
  if (name != nullptr && name[0] == '/' && ::stat(name, &named) == 0 && ::stat(".", &real) == 0 &&
      named.st_dev == real.st_dev && named.st_ino == real.st_ino) {
    return name;
  }
  std::error_code ignored;
  return std::filesystem::current_path(ignored).string();
}

}  // namespace

Start Start::capture(int argc, char** argv) {
  Start start;
  start.arguments.assign(argv, argv + argc);
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    start.environment.emplace_back(*variable);
  }
  start.pid = ::getpid();
  start.directory = working_directory();
  start.umask = ::umask(0);
  ::umask(start.umask);
  return start;
}

std::string directory_complaint(const std::string& directory, const std::string& from) {
  struct stat status{};
  if (directory.empty()) {
    return {};
  }
  const std::string path = std::filesystem::path(from) / directory;
  if (::stat(path.c_str(), &status) != 0) {
    return fmt::format("cannot change to \"{}\": {}", directory, std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    return fmt::format("cannot change to \"{}\": it is no folder", directory);
  }
  if (::access(path.c_str(), X_OK) != 0) {
    return fmt::format("cannot change to \"{}\": {}", directory, std::strerror(errno));
  }
  return {};
}

void enter_directory(const std::string& directory) {
  if (!directory.empty() && ::chdir(directory.c_str()) != 0) {
    throw std::runtime_error(
        fmt::format("--chdir: cannot change to \"{}\": {}", directory, std::strerror(errno)));
  }
}

std::string variable_complaint(const std::string& variable) {
  const std::size_t equals = variable.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fmt::format("\"{}\" is not NAME=VALUE", variable);
  }
  return {};
}

}  // namespace uringcorn::arbiter
