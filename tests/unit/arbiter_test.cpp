// SPDX-License-Identifier: MIT
#include "arbiter/arbiter.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "arbiter_process.hpp"
#include "observe/log.hpp"
#include "observe/scoreboard.hpp"
#include "settings/listeners.hpp"
#include "worker/boot.hpp"

namespace {

using namespace std::chrono_literals;
using uringcorn::ArbiterProcess;
using uringcorn::arbiter::Program;
using uringcorn::observe::WorkerState;
using uringcorn::settings::Settings;
using uringcorn::worker::Message;
using uringcorn::worker::WorkerBoot;

/// No test needs nearly as many forks; a loop ends here instead of taking the machine down.
constexpr unsigned k_forks_max = 100;

/// What the workers of one test share with the test.
struct Shared {
  std::atomic<unsigned> forks;
  std::atomic<unsigned> broken;  ///< while set, workers fail to boot
};

class SharedMemory {
 public:
  SharedMemory()
      : shared_(static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { ::munmap(shared_, sizeof(Shared)); }
  Shared* operator->() const noexcept { return shared_; }
  Shared& operator*() const noexcept { return *shared_; }

 private:
  Shared* shared_;
};

std::atomic<bool> g_stop{false};
std::atomic<bool> g_quick_stop{false};

void tell(const WorkerBoot& boot, Message message) {
  const char byte = static_cast<char>(message);
  static_cast<void>(::write(boot.message_fd, &byte, 1));
}

void beat(const WorkerBoot& boot) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const timespec times[] = {now, now};
  ::futimens(boot.heartbeat_fd, times);
}

/// Until a signal or the arbiter's end.
void serve(const WorkerBoot& boot, const std::atomic<bool>& stop) {
  while (!stop) {
    beat(boot);
    pollfd arbiter{boot.message_fd, 0, 0};
    if (::poll(&arbiter, 1, 100) > 0) {
      uringcorn::observe::info("the arbiter is gone");
      return;
    }
  }
}

void hang() {
  ::alarm(ArbiterProcess::k_life_max_s);
  for (;;) {
    ::pause();
  }
}

/// A worker that does what the name of its application says.
int fake_worker(const WorkerBoot& boot, Shared& shared) {
  if (shared.forks.fetch_add(1) > k_forks_max) {
    ::kill(::getppid(), SIGKILL);
    return 1;
  }
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    ::signal(signal, [](int number) {
      g_stop = true;
      g_quick_stop = number != SIGTERM;
    });
  }
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGUSR1, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  const std::string& app = boot.settings.app_path;
  if (app.starts_with("exit:")) {
    return std::stoi(app.substr(5));
  }
  if (app == "hangs at boot") {
    hang();
  }
  const bool is_second_of_new = boot.slot == 1 && boot.generation > 1;
  if (shared.broken != 0 && (app != "second fails" || is_second_of_new)) {
    return uringcorn::worker::k_exit_failed_to_boot;
  }
  boot.own_place.set_state(WorkerState::ready);
  beat(boot);
  tell(boot, Message::ready);
  if (app == "crashes when ready") {
    std::abort();
  }
  if (app == "hangs in a request") {
    const auto token = boot.own_place.enter_request("GET", "/answered");
    boot.own_place.leave_request(token);
    static_cast<void>(boot.own_place.enter_request("GET", "/slow\n"));
    hang();
  }
  if (app == "wants a successor") {
    tell(boot, Message::recycle);
  }
  serve(boot, app == "ignores TERM" ? g_quick_stop : g_stop);
  if (app == "ignores QUIT") {
    ::signal(SIGQUIT, SIG_IGN);
    hang();
  }
  tell(boot, Message::draining);
  return 0;
}

void listen_at(Settings& settings, const std::vector<std::string>& addresses) {
  settings.bind = addresses;
  settings.listeners.clear();
  for (const std::string& address : addresses) {
    settings.listeners.push_back(uringcorn::settings::listener_at(address, settings));
  }
}

Settings settings_for(const std::string& app, int workers = 2) {
  Settings settings;
  settings.app_path = app;
  listen_at(settings, {"127.0.0.1:0"});
  settings.workers = workers;
  settings.log_level = uringcorn::LogLevel::debug;
  settings.reactor = uringcorn::settings::ReactorChoice::epoll;
  return settings;
}

Program program_for(const SharedMemory& shared, const Settings& settings) {
  return {.worker = [&shared](const WorkerBoot& boot) { return fake_worker(boot, *shared); },
          .reread_settings = [settings] { return settings; }};
}

/// An arbiter over fake workers.
struct Running {
  explicit Running(const Settings& settings) : arbiter(settings, program_for(shared, settings)) {}
  Running(const std::string& app, int workers) : Running(settings_for(app, workers)) {}

  SharedMemory shared;
  ArbiterProcess arbiter;
};

// ---- start and stop ----

TEST_CASE("the arbiter says what it listens on and starts its workers") {
  Running running("serve", 2);
  running.arbiter.wait_for("Starting uringcorn " URINGCORN_VERSION);
  const std::string line = running.arbiter.wait_for("Listening at: http://127.0.0.1:");
  CHECK(line.find("http://127.0.0.1:0 ") == std::string::npos);
  CHECK(line.ends_with("(" + std::to_string(running.arbiter.pid()) + ")"));
  running.arbiter.wait_for("Using reactor: epoll, workers: 2");
  CHECK(running.arbiter.wait_for_ready() != running.arbiter.wait_for_ready());
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
  CHECK(running.shared->forks == 2);
}

TEST_CASE("each of TERM, INT and QUIT stops the server with exit code 0") {
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    Running running("serve", 2);
    running.arbiter.wait_for_ready();
    running.arbiter.wait_for_ready();
    running.arbiter.signal(signal);
    CHECK(running.arbiter.wait_for_end() == 0);
    CHECK(running.arbiter.log().find("Worker 0 ") != std::string::npos);
    CHECK(running.arbiter.log().find("Worker 1 ") != std::string::npos);
    CHECK(running.arbiter.log().ends_with("Shutting down\n"));
  }
}

TEST_CASE("a worker that does not leave within the graceful timeout is killed") {
  Settings settings = settings_for("ignores TERM", 1);
  settings.graceful_timeout = 200ms;
  Running running(settings);
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTERM);
  running.arbiter.wait_for("was killed by SIGKILL");
  CHECK(running.arbiter.log().find("(--graceful-timeout)") != std::string::npos);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("INT during a graceful stop shortens it") {
  Settings settings = settings_for("ignores TERM", 2);
  settings.graceful_timeout = 2 * ArbiterProcess::k_patience;
  Running running(settings);
  running.arbiter.wait_for_ready();
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTERM);
  running.arbiter.wait_for("Handling signal: TERM");
  running.arbiter.signal(SIGINT);
  // The graceful timeout is longer than the patience of this.
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("INT kills who does not leave soon, and a second INT at once") {
  for (const bool twice : {false, true}) {
    CAPTURE(twice);
    Settings settings = settings_for("ignores QUIT", 1);
    settings.graceful_timeout = 100s;
    Running running(settings);
    running.arbiter.wait_for_ready();
    running.arbiter.signal(SIGINT);
    running.arbiter.wait_for("Handling signal: INT");
    if (twice) {
      running.arbiter.signal(SIGINT);
    }
    running.arbiter.wait_for("was killed by SIGKILL");
    const char* why = twice ? "a second INT or QUIT does not wait" : "it was told to end at once";
    CHECK(running.arbiter.log().find(why) != std::string::npos);
    CHECK(running.arbiter.wait_for_end() == 0);
  }
}

TEST_CASE("an address in use is tried again until it is free") {
  auto blocker = std::make_unique<uringcorn::net::Listener>(
      uringcorn::net::parse_bind("127.0.0.1:0"), uringcorn::net::ListenOptions{});
  Settings settings = settings_for("serve", 1);
  listen_at(settings, {blocker->name().substr(std::string("http://").size())});
  Running running(settings);
  running.arbiter.wait_for("address already in use");
  CHECK(running.arbiter.log().find("trying again (1 of 5)") != std::string::npos);
  blocker.reset();
  running.arbiter.wait_for("Listening at: ");
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("TERM ends the waiting for an address in use") {
  const uringcorn::net::Listener blocker(uringcorn::net::parse_bind("127.0.0.1:0"), {});
  Settings settings = settings_for("serve", 1);
  listen_at(settings, {blocker.name().substr(std::string("http://").size())});
  Running running(settings);
  running.arbiter.wait_for("trying again (1 of 5)");
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 1);
  CHECK(running.arbiter.log().find("(2 of 5)") == std::string::npos);
}

TEST_CASE("a bind value that means nothing is exit code 2, before anything was bound") {
  Settings settings = settings_for("serve", 1);
  listen_at(settings, {"127.0.0.1:0", "nonsense"});
  Running running(settings);
  running.arbiter.wait_for("uringcorn: cannot listen on 'nonsense'");
  CHECK(running.arbiter.wait_for_end() == 2);
}

// ---- workers that die ----

TEST_CASE("a worker that is killed is replaced, and its death told in one line") {
  Running running("serve", 2);
  const pid_t first = running.arbiter.wait_for_ready();
  const pid_t second = running.arbiter.wait_for_ready();
  ::kill(first, SIGKILL);
  const std::string line = running.arbiter.wait_for("was killed by SIGKILL");
  CHECK(line.find("(pid " + std::to_string(first) + ")") != std::string::npos);
  const pid_t third = running.arbiter.wait_for_ready();
  CHECK(third != first);
  CHECK(::kill(second, 0) == 0);
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("a worker that somebody else told to leave is replaced") {
  Running running("serve", 1);
  const pid_t worker = running.arbiter.wait_for_ready();
  ::kill(worker, SIGTERM);
  running.arbiter.wait_for_all(
      {"Worker 0 (pid " + std::to_string(worker) + ") left after", "Booting worker with pid: "});
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("a silent worker is aborted, then replaced, and its requests are named") {
  Settings settings = settings_for("hangs in a request", 1);
  settings.timeout = 500ms;
  Running running(settings);
  const pid_t worker = running.arbiter.wait_for_ready();
  running.arbiter.wait_for("(--timeout): aborting it");
  const std::string line = running.arbiter.wait_for("was killed by SIGABRT");
  CHECK(line.find("(pid " + std::to_string(worker) + ")") != std::string::npos);
  CHECK(
      line.find("and 1 request: it was silent for 0.5 s (--timeout); it was in: \"GET /slow?\"") !=
      std::string::npos);
  running.arbiter.wait_for_ready();
}

TEST_CASE("a stopped worker, which no SIGABRT reaches, is killed a second later") {
  Settings settings = settings_for("serve", 2);
  settings.timeout = 500ms;
  Running running(settings);
  const pid_t worker = running.arbiter.wait_for_ready();
  running.arbiter.wait_for_ready();
  ::kill(worker, SIGSTOP);
  running.arbiter.wait_for("(--timeout): aborting it");
  const auto aborted = std::chrono::steady_clock::now();
  const std::string line = running.arbiter.wait_for("was killed by SIGKILL");
  CHECK(line.find("it was silent for 0.5 s") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - aborted >= 900ms);
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("an arbiter that was stopped together with its workers takes nobody for silent") {
  Settings settings = settings_for("serve", 1);
  settings.timeout = 1500ms;
  Running running(settings);
  const pid_t worker = running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGSTOP);
  ::kill(worker, SIGSTOP);
  std::this_thread::sleep_for(4s);  // The time itself is what is tested.
  running.arbiter.signal(SIGCONT);
  std::this_thread::sleep_for(300ms);
  ::kill(worker, SIGCONT);
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
  CHECK(running.arbiter.log().find("aborting") == std::string::npos);
}

TEST_CASE("a worker that hangs while booting is aborted after the boot timeout") {
  Settings settings = settings_for("hangs at boot", 2);
  settings.boot_timeout = 300ms;
  Running running(settings);
  running.arbiter.wait_for("(--boot-timeout): aborting it");
  running.arbiter.wait_for("it was not ready within 0.3 s (--boot-timeout)");
  CHECK(running.arbiter.wait_for_end() == uringcorn::worker::k_exit_failed_to_boot);
  CHECK(running.shared->forks == 2);
}

TEST_CASE("when no worker can be booted, the arbiter leaves with the worker's code") {
  for (const int code : {3, 4}) {
    Running running("exit:" + std::to_string(code), 3);
    running.arbiter.wait_for("exited with code " + std::to_string(code));
    running.arbiter.wait_for("No worker could be booted");
    CHECK(running.arbiter.wait_for_end() == code);
    CHECK(running.shared->forks <= 3);
  }
}

TEST_CASE("workers that crash when they are ready are restarted more and more slowly") {
  Running running("crashes when ready", 1);
  for (int i = 0; i < 5; ++i) {
    running.arbiter.wait_for("was killed by SIGABRT");
  }
  const auto start = std::chrono::steady_clock::now();
  running.arbiter.wait_for("was killed by SIGABRT");
  CHECK(std::chrono::steady_clock::now() - start > 1s);
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("workers notice that the arbiter is gone") {
  Running running("serve", 2);
  running.arbiter.wait_for_ready();
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGKILL);
  running.arbiter.wait_for("the arbiter is gone");
  running.arbiter.wait_for("the arbiter is gone");
  CHECK(running.arbiter.wait_for_end() == -SIGKILL);
}

// ---- more and fewer ----

TEST_CASE("TTIN adds a worker, TTOU removes the oldest but never the last") {
  Running running("serve", 1);
  const pid_t first = running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTTIN);
  const pid_t second = running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTTOU);
  running.arbiter.wait_for("(pid " + std::to_string(first) + ") left");
  running.arbiter.signal(SIGTTOU);
  running.arbiter.wait_for("Handling signal: TTOU");
  CHECK(::kill(second, 0) == 0);
  running.arbiter.signal(SIGTTIN);
  running.arbiter.wait_for("Worker 0 ");
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("WINCH retires all workers, TTIN brings them back") {
  Running running("serve", 2);
  running.arbiter.wait_for_ready();
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGWINCH);
  running.arbiter.wait_for(") left after");
  running.arbiter.wait_for(") left after");
  running.arbiter.signal(SIGTTIN);
  running.arbiter.wait_for("(worker 0, generation 1)");
  running.arbiter.wait_for("(worker 1, generation 1)");
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

// ---- reload ----

TEST_CASE("HUP replaces each worker once its successor is ready") {
  Running running("serve", 3);
  for (int i = 0; i < 3; ++i) {
    running.arbiter.wait_for_ready();
  }
  running.arbiter.signal(SIGHUP);
  running.arbiter.wait_for_all({"worker 0, generation 2", "worker 1, generation 2",
                                "worker 2, generation 2", "Worker 0 ", "Worker 1 ", "Worker 2 ",
                                "Reload done: generation 2 serves"});
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
  CHECK(running.shared->forks == 6);
}

TEST_CASE("a reload whose first worker fails to boot changes nothing") {
  Running running("serve", 2);
  const pid_t first = running.arbiter.wait_for_ready();
  const pid_t second = running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTTIN);  // Somebody was ready: this is no failed start.
  running.arbiter.wait_for_ready();
  running.shared->broken = 1;
  running.arbiter.signal(SIGHUP);
  running.arbiter.wait_for("Reload abandoned: generation 2 fails to boot, generation 1 goes on");
  CHECK(::kill(first, 0) == 0);
  CHECK(::kill(second, 0) == 0);
  running.shared->broken = 0;
  running.arbiter.signal(SIGHUP);
  running.arbiter.wait_for("Reload done: generation 3 serves");
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("a reload whose second worker fails to boot goes back") {
  Running running("second fails", 3);
  for (int i = 0; i < 3; ++i) {
    running.arbiter.wait_for_ready();
  }
  running.shared->broken = 1;
  running.arbiter.signal(SIGHUP);
  running.arbiter.wait_for("worker 0, generation 2");
  running.arbiter.wait_for(
      "Reload abandoned: generation 2 fails to boot, going back to generation 1");
  running.arbiter.wait_for("worker 0, generation 1");
  running.arbiter.wait_for("Reload done: generation 1 serves");
  running.shared->broken = 0;
  running.arbiter.signal(SIGHUP);
  running.arbiter.wait_for("Reload done: generation 3 serves");
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
  CHECK(running.shared->forks == 3 + 2 + 1 + 3);
}

TEST_CASE("after a reload that fails, retired workers come back with the plan that worked") {
  Running running("serve", 2);
  running.arbiter.wait_for_ready();
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGWINCH);
  running.arbiter.wait_for_all({"Worker 0 ", "Worker 1 "});
  running.shared->broken = 1;
  running.arbiter.signal(SIGHUP);
  running.arbiter.wait_for("Reload abandoned: generation 2 fails to boot, generation 1 goes on");
  running.shared->broken = 0;
  running.arbiter.wait_for("generation 1)");
  running.arbiter.wait_for_ready();
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("a stop does not wait for a worker that boots") {
  Running running("hangs at boot", 1);
  running.arbiter.wait_for("Booting worker");
  const auto start = std::chrono::steady_clock::now();
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
  CHECK(std::chrono::steady_clock::now() - start < 20s);
}

// ---- recycling ----

TEST_CASE("a worker that wants a successor leaves when that is ready, one at a time") {
  Running running("wants a successor", 2);
  const pid_t first = running.arbiter.wait_for_ready();
  running.arbiter.wait_for_ready();
  const pid_t third = running.arbiter.wait_for_ready();
  CHECK(::kill(third, 0) == 0);
  running.arbiter.wait_for("(pid " + std::to_string(first) + ") left after 1.");
  const pid_t fourth = running.arbiter.wait_for_ready();
  CHECK(third != fourth);
  running.arbiter.signal(SIGTERM);
  CHECK(running.arbiter.wait_for_end() == 0);
}

TEST_CASE("when all restarts are spent and nobody serves, the arbiter leaves") {
  Settings settings = settings_for("crashes when ready", 2);
  settings.max_restarts = 2;
  Running running(settings);
  running.arbiter.wait_for("All workers have died too often: 2 restarts (--max-restarts)");
  CHECK(running.arbiter.wait_for_end() == uringcorn::worker::k_exit_failed_to_boot);
  CHECK(running.shared->forks == 2 * 3);
}

TEST_CASE("settings that cannot be read again leave everything as it is") {
  const SharedMemory shared;
  const Settings settings = settings_for("serve", 1);
  Program program = program_for(shared, settings);
  program.reread_settings = []() -> Settings { throw std::runtime_error("line 3 is nonsense"); };
  ArbiterProcess arbiter(settings, program);
  const pid_t worker = arbiter.wait_for_ready();
  arbiter.signal(SIGHUP);
  arbiter.wait_for("Reload refused: line 3 is nonsense; generation 1 goes on");
  CHECK(::kill(worker, 0) == 0);
  arbiter.signal(SIGTERM);
  CHECK(arbiter.wait_for_end() == 0);
  CHECK(shared->forks == 1);
}

TEST_CASE("a reload changes the number of workers and the addresses") {
  const SharedMemory shared;
  const Settings settings = settings_for("serve", 1);
  Settings changed = settings;
  changed.workers = 3;
  listen_at(changed, {"127.0.0.1:0", "127.0.0.2:0"});
  Program program = program_for(shared, changed);
  ArbiterProcess arbiter(settings, program);
  arbiter.wait_for_ready();
  arbiter.signal(SIGHUP);
  arbiter.wait_for("Listening at: http://127.0.0.2:");
  arbiter.wait_for_all(
      {"Reload done: generation 2 serves", "(worker 1, generation 2)", "(worker 2, generation 2)"});
  arbiter.signal(SIGTERM);
  CHECK(arbiter.wait_for_end() == 0);
  CHECK(shared->forks == 4);
}

}  // namespace
