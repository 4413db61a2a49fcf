// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace uringcorn::settings {

/// The one of `names` that `word` is most likely a misspelling of; empty when none is near (more
/// than a third of its letters would have to change). Case, and `-` for `_`, count as the same.
std::string_view nearest(std::string_view word, std::span<const std::string_view> names);

}  // namespace uringcorn::settings
