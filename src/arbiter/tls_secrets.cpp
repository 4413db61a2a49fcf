// SPDX-License-Identifier: MIT
#include "arbiter/tls_secrets.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace uringcorn::arbiter {
namespace {

bool serves(const TlsSecrets::Materials& serving, const std::string& certificate) {
  return std::any_of(serving.begin(), serving.end(), [&certificate](const auto& material) {
    return material && net::tls::has(*material, certificate);
  });
}

}  // namespace

TlsSecrets::Materials TlsSecrets::read(const settings::Settings& settings,
                                       const Materials* serving) {
  Materials all;
  for (const settings::ListenerSettings& listener : settings.listeners) {
    if (!listener.is_tls) {
      all.push_back(nullptr);
      continue;
    }
    all.push_back(net::tls::read_material(listener.tls));
    if (serving != nullptr) {
      net::tls::refuse_expired(*all.back(), [serving](const std::string& certificate) {
        return serves(*serving, certificate);
      });
    }
    net::tls::warn_of_flaws(*all.back());
    make_ticket_keys(settings);
  }
  // Nobody would rotate keys that wait for a use; they would be older than they may get.
  handed_.reset();
  return all;
}

void TlsSecrets::make_ticket_keys(const settings::Settings& settings) {
  if (!keys_ && settings.tls_ticket_lifetime.count() > 0) {
    keys_.emplace(std::chrono::ceil<std::chrono::seconds>(settings.tls_ticket_lifetime),
                  std::move(handed_));
  }
}

void TlsSecrets::rotate_if_due(TimePoint now) {
  if (keys_) {
    keys_->rotate_if_due(now);
  }
}

void TlsSecrets::close_in_child() noexcept {
  handed_.reset();
  if (keys_) {
    keys_->close_in_child();
  }
}

}  // namespace uringcorn::arbiter
