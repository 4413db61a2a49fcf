// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "observe/access_log.hpp"
#include "observe/log.hpp"
#include "settings/settings.hpp"

namespace uringcorn::worker {

/// Where the settings say that the error log goes; the arbiter's and the workers' are the same.
observe::ErrorLogOptions error_log_options(const settings::Settings& settings);

/// The access log of this worker; null when requests are not logged. Throws `std::system_error`.
std::unique_ptr<observe::AccessLog> open_access_log(const settings::Settings& settings);

}  // namespace uringcorn::worker
