// SPDX-License-Identifier: MIT
#include "arbiter/process_title.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

namespace uringcorn::arbiter {
namespace {

/// Of the process that claimed it, and of its children.
std::span<char> g_memory;
/// How much of it is title: at first the arguments.
std::size_t g_used = 0;

/// The environment keeps working: its texts move to memory that is never given back.
char* g_environment = nullptr;

bool move_environment() {
  std::size_t size = 0;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    size += std::strlen(*variable) + 1;
  }
  g_environment = static_cast<char*>(std::malloc(size + 1));
  char* place = g_environment;
  for (char** variable = environ; place != nullptr && *variable != nullptr; ++variable) {
    const std::size_t length = std::strlen(*variable) + 1;
    *variable = static_cast<char*>(std::memcpy(place, *variable, length));
    place += length;
  }
  return g_environment != nullptr;
}

}  // namespace

void claim_process_title(int argc, char** argv) {
  if (argc == 0 || environ == nullptr) {
    return;
  }
  // Arguments and environment lie behind one another; what lies elsewhere was put there since.
  char* begin = argv[0];
  char* end = begin;
  for (int i = 0; i < argc && argv[i] == end; ++i) {
    end += std::strlen(argv[i]) + 1;
  }
  const auto arguments = static_cast<std::size_t>(end - begin);
  for (char** variable = environ; *variable != nullptr && *variable == end; ++variable) {
    end += std::strlen(*variable) + 1;
  }
  if (move_environment()) {
    g_memory = {begin, end};
    g_used = arguments;
  }
}

void set_process_title(std::string_view title) noexcept {
  if (g_memory.empty()) {
    return;
  }
  // A title that is longer than the arguments were overwrites the zero at their end, by which the
  // kernel knows that it goes on. The rest of the environment stays to be seen in /proc.
  const std::size_t length = title.copy(g_memory.data(), g_memory.size() - 1);
  const std::size_t end = std::max(g_used, length + 1);
  std::fill(g_memory.begin() + static_cast<std::ptrdiff_t>(length),
            g_memory.begin() + static_cast<std::ptrdiff_t>(end), '\0');
  g_used = end;
}

std::string title_of(std::string_view role, const settings::Settings& settings) {
  const std::string& name = settings.name.empty() ? settings.app_path : settings.name;
  return name.empty() ? fmt::format("uringcorn: {}", role)
                      : fmt::format("uringcorn: {} [{}]", role, name);
}

}  // namespace uringcorn::arbiter
