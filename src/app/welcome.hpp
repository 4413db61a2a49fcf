// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <uringcorn/application.hpp>

namespace uringcorn::app {

/// What is served when no application is named: a page at "/" that says what runs and how to write
/// the first application, and "/health".
std::unique_ptr<Application> make_welcome_application();

}  // namespace uringcorn::app
