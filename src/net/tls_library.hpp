// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace uringcorn::net {

/// The version of wolfSSL that this program runs with.
std::string_view tls_library_version() noexcept;

/// Whether it was built from our wrap, with assembly. What distributions build mostly has none, and
/// is several times slower.
bool tls_library_is_bundled() noexcept;

}  // namespace uringcorn::net
