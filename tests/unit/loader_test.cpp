// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/loader.hpp"
#include "app/module_symbols.hpp"
#include "fake_request.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn;
using namespace uringcorn::tests;
using namespace std::string_literals;

namespace {

const std::string k_modules = URINGCORN_TEST_MODULES;
const std::string k_good = k_modules + "/libgood.so";
const std::string k_misfits = k_modules + "/libmisfits.so";

std::string answer_of(const std::string& app_path) {
  const std::unique_ptr<Application> application = app::load(app_path);
  FakeRequest fake("GET", "/?name=Ada");
  const Response response = finish(application->handle(fake.request()));
  return std::string(response.body());
}

/// The sentence with which loading is refused.
std::string refusal(const std::string& app_path) {
  try {
    app::load(app_path);
  } catch (const app::LoadError& error) {
    return error.what();
  }
  return "it was loaded";
}

/// Stands in a directory for a while.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::filesystem::path& path)
      : old_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { std::filesystem::current_path(old_); }

 private:
  std::filesystem::path old_;
};

}  // namespace

TEST_CASE("the default application of a file is loaded, and others by name") {
  CHECK(answer_of(k_good) == "Hello, Ada!");
  CHECK(answer_of(k_good + ":admin") == "admin");
  CHECK(answer_of(k_good + ":own") == "own");
  CHECK(answer_of(k_good + ":lambda") == "lambda");
}

TEST_CASE("a path without a slash is relative to the current directory") {
  const WorkingDirectory in(k_modules);
  CHECK(answer_of("libgood.so") == "Hello, Ada!");
  CHECK(answer_of("libgood.so:admin") == "admin");
  CHECK(answer_of("./libgood.so") == "Hello, Ada!");
}

TEST_CASE("a private copy does not mind what becomes of the file") {
  CHECK(answer_of(k_good) == "Hello, Ada!");  // what it needs is loaded with it, for the copy too
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "libcopied.so";
  std::filesystem::copy_file(k_good, file);
  const std::unique_ptr<Application> application =
      app::load(file.string() + ":admin", app::Mapping::private_copy);
  directory.write("libcopied.so", "something else");
  CHECK(text_of("/proc/self/maps").find("/memfd:libcopied.so") != std::string::npos);
  FakeRequest fake("GET", "/");
  const Response response = finish(application->handle(fake.request()));
  CHECK(response.body() == "admin");
}

TEST_CASE("a file that finds its own libraries by $ORIGIN is loaded from its place in any case") {
  const std::string file = k_modules + "/libdependent.so";
  const std::unique_ptr<Application> application = app::load(file, app::Mapping::private_copy);
  FakeRequest fake("GET", "/");
  const Response response = finish(application->handle(fake.request()));
  CHECK(response.body() == "with company");
  CHECK(text_of("/proc/self/maps").find(file) != std::string::npos);
}

TEST_CASE("the file of an application is the part before the colon") {
  CHECK(app::file_of("./libshop.so:admin") == "./libshop.so");
  CHECK(app::file_of("./libshop.so") == "./libshop.so");
  CHECK(app::file_of("libshop.so:") == "libshop.so");
  CHECK(app::file_of("").empty());
}

TEST_CASE("a colon may be part of a file's name") {
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "lib:good.so").string();
  std::filesystem::create_symlink(k_good, file);
  CHECK(answer_of(file) == "Hello, Ada!");
  CHECK(answer_of(file + ":admin") == "admin");
}

TEST_CASE("what an application throws while it is made is its own") {
  CHECK_THROWS_WITH_AS(app::load(k_good + ":failing"), "no such database", std::runtime_error);
  CHECK_THROWS_WITH_AS(app::load(k_good + ":failing_oddly"),
                       "it threw an exception that is no std::exception", std::runtime_error);
  CHECK_THROWS_AS(app::load(k_good + ":nothing"), std::runtime_error);
}

TEST_CASE("a file that is missing or no file is refused") {
  const TemporaryDirectory directory;
  const WorkingDirectory in(directory.path());
  const std::string here = std::filesystem::current_path().string();
  CHECK(refusal("libshop.so") ==
        "cannot load the application libshop.so: no such file (seen from " + here + ")");
  CHECK(refusal("build/libshop.so:admin") ==
        "cannot load the application build/libshop.so: no such file (seen from " + here + ")");
  CHECK(refusal("/nowhere/libshop.so") ==
        "cannot load the application /nowhere/libshop.so: no such file");
  CHECK(refusal("libshop.so:") ==
        "cannot load the application libshop.so: no name follows the colon (leave it out for the "
        "default application)");
  CHECK(refusal(here) == "cannot load the application " + here +
                             ": it is not a file (an application is a shared object, libNAME.so)");
}

TEST_CASE("a file that is no shared object is refused with the linker's reason") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("libtext.so", "just text").string();
  CHECK(refusal(text) == "cannot load the application " + text + ": file too short");
  const std::string long_text = directory.write("liblong.so", std::string(9000, 'x')).string();
  CHECK(refusal(long_text) == "cannot load the application " + long_text + ": invalid ELF header");
  CHECK(refusal(k_modules + "/libunresolved.so").find("shop_function_that_nobody_has") !=
        std::string::npos);
}

TEST_CASE("a shared object that was not copied to its end is refused, instead of crashing") {
  const TemporaryDirectory directory;
  const std::string whole = text_of(k_good);
  for (const std::size_t size : {100U, 3000U}) {
    const std::string cut = directory.write("libcut.so", whole.substr(0, size)).string();
    CHECK(refusal(cut) == "cannot load the application " + cut +
                              ": the file is cut short (was it copied to its end?)");
  }
}

TEST_CASE("a missing symbol is told with those that are there") {
  const std::string empty = k_modules + "/libempty.so";
  CHECK(refusal(empty) == "cannot load the application " + empty +
                              ": it has no symbol uringcorn_app (say URINGCORN_APP(function) in "
                              "one of its sources)");
  CHECK(refusal(k_good + ":shop") == "cannot load the application " + k_good +
                                         ": it has no symbol uringcorn_app_shop (it does "
                                         "have " +
                                         k_good + ", " + k_good + ":admin, " + k_good +
                                         ":failing, " + k_good + ":failing_oddly, " + k_good +
                                         ":lambda, " + k_good + ":nothing, " + k_good + ":own)");
}

TEST_CASE("an application that does not fit is refused before any of it is called") {
  const std::string start = "cannot load the application " + k_misfits + ": ";
  CHECK(refusal(k_misfits + ":no_magic") ==
        start +
            "its symbol uringcorn_app_no_magic is no application (URINGCORN_APP(function) "
            "makes one)");
  CHECK(
      refusal(k_misfits + ":later_abi")
          .starts_with(start + "it was built for the application interface 77, this server has "));
  CHECK(refusal(k_misfits + ":other_size")
            .starts_with(start + "it was built for the application interface "));
  CHECK(refusal(k_misfits + ":other_compiler")
            .starts_with(start + "it was built by icc 2021.1, this server by "));
  CHECK(refusal(k_misfits + ":other_library")
            .starts_with(start + "it was built with libstdc++ in debug mode, this server with "));
}

TEST_CASE("symbols are read from any file without harm") {
  CHECK(app::defined_symbols(k_misfits, "uringcorn_app_other") ==
        std::vector{"uringcorn_app_other_compiler"s, "uringcorn_app_other_library"s,
                    "uringcorn_app_other_size"s, "uringcorn_app_other_version"s});
  CHECK(app::defined_symbols("/nowhere", "").empty());
  CHECK(app::defined_symbols("/", "").empty());
  const TemporaryDirectory directory;
  const std::string whole = text_of(k_misfits);
  // Cut and overwritten in many places, so that every offset in it is wrong once.
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    std::string broken = whole.substr(0, size);
    app::defined_symbols(directory.write("broken.so", broken).string(), "uringcorn");
    broken = whole;
    broken.replace(size, 8, "\xff\xff\xff\xff\xff\xff\xff\xff");
    app::defined_symbols(directory.write("broken.so", broken).string(), "uringcorn");
  }
}

TEST_CASE("without a path the welcome application is served") {
  const std::unique_ptr<Application> welcome = app::load("");
  finish(welcome->startup());
  FakeRequest page("GET", "/");
  const Response answer = finish(welcome->handle(page.request()));
  CHECK(answer.status() == 200);
  CHECK(answer.fields().get("Content-Type") == "text/html; charset=utf-8");
  CHECK(answer.body().find("<dd>" + std::to_string(::getpid()) + "</dd>") !=
        std::string_view::npos);
  CHECK(answer.body().find("<dd>" URINGCORN_VERSION "</dd>") != std::string_view::npos);
  CHECK(answer.body().find("{{") == std::string_view::npos);
  CHECK(answer.body().find("http:") == std::string_view::npos);
  FakeRequest health("GET", "/health");
  CHECK(finish(welcome->handle(health.request())).body() == "ok\n");
  FakeRequest other("GET", "/other");
  CHECK(finish(welcome->handle(other.request())).status() == 404);
  finish(welcome->shutdown());
}
