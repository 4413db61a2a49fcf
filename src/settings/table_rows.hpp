// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "settings/table.hpp"

namespace uringcorn::settings {

/// The longest time that a setting may ask for.
inline constexpr std::int64_t k_day_ms = 24 * 60 * 60 * 1000;

// The parts of the table, in the order in which they stand in it.
std::span<const Setting> listening_rows();
std::span<const Setting> tls_rows();
std::span<const Setting> proxies_rows();
std::span<const Setting> process_rows();
std::span<const Setting> workers_rows();
std::span<const Setting> requests_rows();
std::span<const Setting> http2_rows();
std::span<const Setting> websockets_rows();
std::span<const Setting> logging_rows();
std::span<const Setting> development_rows();
std::span<const Setting> command_rows();

}  // namespace uringcorn::settings
