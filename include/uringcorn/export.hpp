// SPDX-License-Identifier: MIT
#pragma once

/// Marks what liburingcorn.so exports; everything else in it is hidden.
#define URINGCORN_API __attribute__((visibility("default")))
