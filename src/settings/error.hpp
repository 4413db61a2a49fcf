// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace uringcorn::settings {

/// The settings cannot be used. `what()` is one sentence for a person, without the program's name:
/// where the value came from, what it is and what was expected.
class SettingsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace uringcorn::settings
