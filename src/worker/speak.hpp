// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include <uringcorn/task.hpp>

#include "http/server_context.hpp"
#include "net/peer.hpp"
#include "net/stream.hpp"
#include "settings/settings.hpp"

namespace uringcorn::worker {

/// Which version of HTTP a client speaks.
struct Speech {
  enum class Version : std::uint8_t {
    none,  ///< the connection ended before that could be told
    h1,
    h2,
  };

  Version version = Version::none;
  /// What was received already, and not given back. Lives as long as the program.
  std::string_view received = {};
};

/// Finds that out: with TLS it is what was agreed upon by ALPN, without it what the first bytes
/// tell, as far as the settings allow.
Task<Speech> listen_for_speech(net::Stream& stream, const settings::Settings& settings);

/// Speaks that version until the connection ends. Throws nothing. `stream`, `peer` and `context`
/// must outlive it.
Task<void> speak(Speech speech, net::Stream& stream, const net::Peer& peer,
                 http::ServerContext& context);

}  // namespace uringcorn::worker
