// SPDX-License-Identifier: MIT
// A shared object that is no application.
extern "C" __attribute__((visibility("default"))) int uringcorn_is_not_here() {
  return 0;
}
