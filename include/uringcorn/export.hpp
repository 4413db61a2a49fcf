// SPDX-License-Identifier: MIT
#pragma once

/// Marks what the shared library shows. Everything else in it is hidden.
#define URINGCORN_API __attribute__((visibility("default")))
