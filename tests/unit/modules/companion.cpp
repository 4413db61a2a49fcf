// SPDX-License-Identifier: MIT
// A library that an application brings along.

__attribute__((visibility("default"))) const char* companions_word();

const char* companions_word() {
  return "with company";
}
