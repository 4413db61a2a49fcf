// SPDX-License-Identifier: MIT
#include "arbiter/pid_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

#include "temporary_directory.hpp"

namespace {

using uringcorn::TemporaryDirectory;
using uringcorn::text_of;
using uringcorn::UniqueFd;
using uringcorn::arbiter::PidFile;

std::string own_line() {
  return std::to_string(::getpid()) + "\n";
}

/// The sentence with which the file is refused.
std::string refusal_of(const std::string& path) {
  try {
    const PidFile file(path);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a pid file holds the number of this process, and goes with its object") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  {
    PidFile file(path);
    CHECK(text_of(path) == own_line());
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::others_read) !=
          std::filesystem::perms::none);
    const PidFile moved(std::move(file));
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("the pid file of a server that is running is refused, whatever is in it") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  const PidFile live(path);
  CHECK(has(refusal_of(path), "the server of process " + std::to_string(::getpid())));
  CHECK(text_of(path) == own_line());
}

TEST_CASE("a pid file whose process is dead, or that is no number, is taken over") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  const pid_t dead = ::fork();
  if (dead == 0) {
    ::_exit(0);
  }
  ::waitpid(dead, nullptr, 0);
  for (const std::string& text :
       {std::to_string(dead) + "\n", std::string("nonsense and long"), std::string(), own_line()}) {
    folder.write("a.pid", text);
    const PidFile file(path);
    CHECK(text_of(path) == own_line());
  }
}

TEST_CASE("without a lock, the number of a process that is older than the file is its writer") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  folder.write("a.pid", std::to_string(::getppid()) + "\n");
  CHECK(has(refusal_of(path), "belongs to process " + std::to_string(::getppid())));
  CHECK(text_of(path) == std::to_string(::getppid()) + "\n");
}

TEST_CASE("a process that is dead and not yet reaped has no pid file") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  const pid_t dead = ::fork();
  if (dead == 0) {
    ::_exit(0);
  }
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(dead), &info, WEXITED | WNOWAIT);
  folder.write("a.pid", std::to_string(dead) + "\n");
  {
    const PidFile file(path);
    CHECK(text_of(path) == own_line());
  }
  ::waitpid(dead, nullptr, 0);
}

TEST_CASE("a process that is younger than the file has only been given its number again") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  folder.write("a.pid", std::to_string(::getppid()) + "\n");
  const timespec long_ago[] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0);
  const PidFile file(path);
  CHECK(text_of(path) == own_line());
}

TEST_CASE("a pid file that somebody has put another in the place of is left alone") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "a.pid";
  {
    const PidFile file(path);
    std::filesystem::remove(path);
    folder.write("a.pid", "1\n");
  }
  CHECK(text_of(path) == "1\n");
}

TEST_CASE("a pid file takes the place of a dead one's, and not of a live one's") {
  const TemporaryDirectory folder;
  const std::string final_path = folder.path() / "a.pid";
  PidFile file(final_path + ".2");
  {
    const PidFile live(final_path);
    CHECK_THROWS_AS(file.rename(final_path), std::runtime_error);
    CHECK(file.path() == final_path + ".2");
  }
  folder.write("a.pid", "");
  file.rename(final_path);
  CHECK(text_of(final_path) == own_line());
  CHECK_FALSE(std::filesystem::exists(final_path + ".2"));
  CHECK(has(refusal_of(final_path), "is running with it"));
}

TEST_CASE("what cannot be a pid file is named with its cause") {
  const TemporaryDirectory folder;
  CHECK(has(refusal_of("/nonexistent/a.pid"), "/nonexistent/a.pid: No such file or directory"));
  std::filesystem::create_directory(folder.path() / "folder");
  CHECK_FALSE(refusal_of(folder.path() / "folder").empty());
  folder.write("target", "data");
  std::filesystem::create_symlink("target", folder.path() / "link");
  CHECK(has(refusal_of(folder.path() / "link"), "it is a link"));
  CHECK(text_of(folder.path() / "target") == "data");
}

}  // namespace
