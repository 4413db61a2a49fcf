// SPDX-License-Identifier: MIT
#include "worker/run.hpp"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <utility>

#include <uringcorn/application.hpp>

#include "app/loader.hpp"
#include "app/shutdown.hpp"
#include "observe/log.hpp"
#include "worker/class_choice.hpp"
#include "worker/crash_report.hpp"
#include "worker/load.hpp"
#include "worker/logs.hpp"
#include "worker/module_class.hpp"
#include "worker/worker.hpp"

namespace uringcorn::worker {
namespace {

/// The arbiter's log is inherited. This generation's may be another one.
void use_log_of(const settings::Settings& settings) {
  const observe::ErrorLogOptions log = error_log_options(settings);
  if (log != observe::error_log().options()) {
    observe::open_error_log(log);
  }
}

int run_with(const WorkerBoot& boot, ClassKind kind) {
  std::unique_ptr<Application> application;
  try {
    application = load_application(boot);
  } catch (const app::LoadError& error) {
    observe::error("{}", error.what());
    return k_exit_app_not_loaded;
  } catch (const std::exception& error) {
    observe::error("the application failed to boot: {}", error.what());
    return k_exit_failed_to_boot;
  }
  return run_own_class(boot, kind, std::move(application));
}

}  // namespace

int run(const WorkerBoot& boot) {
  report_on_crash(boot.own_place);
  app::set_shutdown_notice(boot.scoreboard);
  try {
    use_log_of(boot.settings);
  } catch (const std::exception& error) {
    observe::error("the worker failed to boot: {}", error.what());
    return k_exit_failed_to_boot;
  }
  const ClassChoice choice = parse_class(boot.settings.worker_class);
  return choice.kind == ClassKind::module ? run_module_class(boot, choice.module)
                                          : run_with(boot, choice.kind);
}

std::function<int(const WorkerBoot&)> preload(const settings::Settings& settings) {
  try {
    use_log_of(settings);
    // Shared, because what a std::function holds has to be copyable.
    const auto application = std::make_shared<std::unique_ptr<Application>>(
        app::load(settings.app_path, mapping_of(settings)));
    return [application](const WorkerBoot& boot) {
      WorkerBoot with_application = boot;
      with_application.preloaded = application.get();
      return run(with_application);
    };
  } catch (const app::LoadError& error) {
    throw BootFailure(error.what(), k_exit_app_not_loaded);
  } catch (const std::exception& error) {
    throw BootFailure(fmt::format("the application failed to boot: {}", error.what()),
                      k_exit_failed_to_boot);
  }
}

}  // namespace uringcorn::worker
