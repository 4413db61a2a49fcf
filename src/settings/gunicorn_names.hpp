// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace uringcorn::settings {

/// For those who come with the command lines and configuration files of gunicorn: what to do
/// instead of a flag, or a key, that gunicorn has and the table has not; empty for any other word.
std::string gunicorn_flag_advice(std::string_view flag);
std::string gunicorn_key_advice(std::string_view key);

}  // namespace uringcorn::settings
