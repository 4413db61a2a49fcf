// SPDX-License-Identifier: MIT
// An application that finds a library beside itself, by $ORIGIN.
#include <uringcorn/uringcorn.hpp>

const char* companions_word();

namespace {

uringcorn::Response word(const uringcorn::Request&) {
  return uringcorn::Response::text(companions_word());
}

void site(uringcorn::App& app) {
  app.get("/", word);
}

}  // namespace

URINGCORN_APP(site)
