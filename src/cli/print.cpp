// SPDX-License-Identifier: MIT
#include "cli/print.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace uringcorn::cli {

int print(std::string_view text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written) {
    return 0;
  }
  fmt::print(stderr, "uringcorn: cannot write to standard output: {}\n", std::strerror(errno));
  return 1;
}

int print_version() {
  return print("uringcorn " URINGCORN_VERSION "\n");
}

int refuse(std::string_view sentence, int code) {
  fmt::print(stderr, "uringcorn: {}\n", sentence);
  return code;
}

}  // namespace uringcorn::cli
