// SPDX-License-Identifier: MIT
// Needs a function that nobody has.
extern "C" int shop_function_that_nobody_has();
extern "C" __attribute__((visibility("default"))) int call_it() {
  return shop_function_that_nobody_has();
}
