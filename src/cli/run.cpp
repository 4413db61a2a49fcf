// SPDX-License-Identifier: MIT
#include "cli/run.hpp"

#include <cstdio>
#include <string_view>

namespace uringcorn::cli {

int run(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("uringcorn " URINGCORN_VERSION);
    return 0;
  }
  std::fputs("usage: uringcorn --version\n", stderr);
  return 2;
}

}  // namespace uringcorn::cli
