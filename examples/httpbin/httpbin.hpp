// SPDX-License-Identifier: MIT
#pragma once

#include <uringcorn/uringcorn.hpp>

namespace httpbin {

/// The endpoints, by theme; each adds its own to `app`.
void add_inspection(uringcorn::App& app);
void add_statuses(uringcorn::App& app);
void add_caching(uringcorn::App& app);
void add_cookies(uringcorn::App& app);
void add_formats(uringcorn::App& app);
void add_streams(uringcorn::App& app);
void add_serving(uringcorn::App& app);
void add_blocking(uringcorn::App& app);
void add_websockets(uringcorn::App& app);
/// What harms the worker on purpose: for tests of the server around it.
void add_unsafe(uringcorn::App& app);

}  // namespace httpbin
