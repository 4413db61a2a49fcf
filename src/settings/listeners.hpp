// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

#include "settings/settings.hpp"

namespace uringcorn::settings {

/// Whether a [[listener]] table of the configuration file may have this setting of its own.
bool is_of_listener(std::string_view key);

/// A value of `bind` without the `http://` or `https://` in front of it.
std::string_view without_scheme(std::string_view bind);

/// The listener that one value of `bind` stands for. A scheme in front decides on TLS; without one,
/// whether there is a certificate, as with gunicorn. Throws SettingsError when TLS is asked for and
/// `tls` has no certificate, or contradicts itself.
ListenerSettings listener_at(std::string_view bind, const TlsSettings& tls);

}  // namespace uringcorn::settings
