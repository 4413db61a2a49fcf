// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <uringcorn/uringcorn.hpp>

#include "json.hpp"
#include "request_body.hpp"

namespace httpbin {

// Members of the well-known answers, each written into an object that was begun.
void write_args(JsonWriter& json, const uringcorn::Request& request);
void write_headers(JsonWriter& json, const uringcorn::Request& request);
void write_origin(JsonWriter& json, const uringcorn::Request& request);
void write_url(JsonWriter& json, const uringcorn::Request& request);
/// Values that have the same name are an array.
void write_pairs(JsonWriter& json, std::string_view member, const Pairs& pairs);

/// Scheme and authority of the request: "http://localhost:8000".
std::string origin_url(const uringcorn::Request& request);

/// The answer of /get: args, headers, origin, url.
uringcorn::Response get_report(const uringcorn::Request& request);
/// The answer of /post: what get_report() has, and the body in its parts.
uringcorn::Task<uringcorn::Response> body_report(uringcorn::Request& request);
/// The answer of /anything: what body_report() has, and the method.
uringcorn::Task<uringcorn::Response> full_report(uringcorn::Request& request);

}  // namespace httpbin
