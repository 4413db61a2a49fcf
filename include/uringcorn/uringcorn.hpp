// SPDX-License-Identifier: MIT
#pragma once

/// All that an application includes. It brings fmt::format along, because nearly every handler
/// formats text.

#include <fmt/format.h>

#include <uringcorn/app.hpp>
#include <uringcorn/application.hpp>
#include <uringcorn/background.hpp>
#include <uringcorn/cancel.hpp>
#include <uringcorn/client_certificate.hpp>
#include <uringcorn/fields.hpp>
#include <uringcorn/handler.hpp>
#include <uringcorn/module.hpp>
#include <uringcorn/offload.hpp>
#include <uringcorn/request.hpp>
#include <uringcorn/response.hpp>
#include <uringcorn/shutdown.hpp>
#include <uringcorn/task.hpp>
#include <uringcorn/task_group.hpp>
#include <uringcorn/time.hpp>
#include <uringcorn/websocket.hpp>
