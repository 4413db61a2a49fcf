// SPDX-License-Identifier: MIT
#include "worker/load.hpp"

#include <utility>

namespace uringcorn::worker {

std::unique_ptr<Application> load_application(const WorkerBoot& boot) {
  return boot.preloaded != nullptr ? std::move(*boot.preloaded)
                                   : app::load(boot.settings.app_path, mapping_of(boot.settings));
}

app::Mapping mapping_of(const settings::Settings& settings) noexcept {
  const bool may_be_overwritten = settings.reload;
  return may_be_overwritten ? app::Mapping::private_copy : app::Mapping::file;
}

}  // namespace uringcorn::worker
