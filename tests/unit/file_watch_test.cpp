// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "arbiter/file_watch.hpp"
#include "temporary_directory.hpp"

using uringcorn::TemporaryDirectory;
using uringcorn::arbiter::Duration;
using uringcorn::arbiter::FileWatch;
using uringcorn::arbiter::TimePoint;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

// A folder with one file, and a watch whose time passes when the test says so.
struct Place {
  TemporaryDirectory directory;
  fs::path file = directory.write("libshop.so", "first");
  FileWatch watch;
  TimePoint now = TimePoint(1h);

  explicit Place(const std::vector<std::string>& patterns = {"libshop.so"})
      : watch(absolute(patterns)) {}

  std::vector<std::string> absolute(std::vector<std::string> patterns) const {
    for (std::string& pattern : patterns) {
      pattern = (directory.path() / pattern).string();
    }
    return patterns;
  }

  bool is_readable() const {
    pollfd entry{.fd = watch.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 0) == 1;
  }

  /// What has changed after the time of rest; the name without the folder.
  std::string changed() {
    CHECK(watch.changed(now).empty());
    now += FileWatch::k_quiet;
    const std::string name = watch.changed(now);
    return name.empty() ? "" : fs::path(name).lexically_relative(directory.path()).string();
  }
};

}  // namespace

TEST_CASE("a file that is written anew has changed, once, when it has been at rest") {
  Place place;
  CHECK(place.watch.due() == TimePoint::max());
  CHECK_FALSE(place.is_readable());
  place.directory.write("libshop.so", "second");
  CHECK(place.is_readable());
  CHECK(place.watch.changed(place.now).empty());
  CHECK(place.watch.due() == place.now + FileWatch::k_quiet);
  CHECK(place.watch.changed(place.now + FileWatch::k_quiet - 1ms).empty());
  CHECK(place.watch.changed(place.now + FileWatch::k_quiet) == place.file);
  CHECK(place.watch.due() == TimePoint::max());
  CHECK(place.changed().empty());
}

TEST_CASE("a file that is replaced by renaming another has changed") {
  Place place;
  place.directory.write("fresh", "first");
  fs::last_write_time(place.directory.path() / "fresh", fs::last_write_time(place.file));
  fs::rename(place.directory.path() / "fresh", place.file);
  CHECK(place.changed() == "libshop.so");
}

TEST_CASE("other files, and reading, are no change") {
  Place place;
  place.directory.write("server.log", "line");
  CHECK(uringcorn::text_of(place.file) == "first");
  CHECK(place.watch.changed(place.now).empty());
  CHECK(place.watch.due() == TimePoint::max());
}

TEST_CASE("what is still being written is no change, and puts one off, but not for ever") {
  Place place;
  std::ofstream slow(place.file);
  slow << "part" << std::flush;
  CHECK(place.watch.changed(place.now).empty());
  CHECK(place.watch.due() == TimePoint::max());

  place.directory.write("libshop.so", "closed by another");
  const TimePoint first = place.now;
  CHECK(place.watch.changed(first).empty());
  while (place.now + FileWatch::k_quiet < first + FileWatch::k_longest) {
    place.now += FileWatch::k_quiet - 1ms;
    slow << "more" << std::flush;
    CHECK(place.watch.changed(place.now).empty());
  }
  CHECK(place.watch.due() == first + FileWatch::k_longest);
  CHECK(place.watch.changed(first + FileWatch::k_longest) == place.file);
}

TEST_CASE("a file that vanished is waited for") {
  Place place;
  fs::remove(place.file);
  CHECK(place.changed().empty());
  place.directory.write("libshop.so", "first");
  CHECK(place.changed() == "libshop.so");
}

TEST_CASE("a link in the place of the file or of a folder may be turned, or its target written") {
  Place place({"current/libshop.so"});
  CHECK(place.watch.files() == 0);
  place.directory.write("one/libshop.so", "1");
  place.directory.write("two/libshop.so", "2");
  fs::create_symlink("one", place.directory.path() / "current");
  CHECK(place.changed() == "current/libshop.so");
  fs::create_symlink("two", place.directory.path() / "next");
  fs::rename(place.directory.path() / "next", place.directory.path() / "current");
  CHECK(place.changed() == "current/libshop.so");
  place.directory.write("two/libshop.so", "two");
  CHECK(place.changed() == "current/libshop.so");
  place.directory.write("one/libshop.so", "one");
  CHECK(place.changed().empty());

  fs::remove(place.directory.path() / "two/libshop.so");
  fs::create_symlink("../one/libshop.so", place.directory.path() / "two/libshop.so");
  CHECK(place.changed() == "current/libshop.so");
  place.directory.write("one/libshop.so", "one more");
  CHECK(place.changed() == "current/libshop.so");
}

TEST_CASE("a pattern also matches what comes later, in folders that come later") {
  Place place({"sites/*/*.conf", "libshop.so"});
  place.directory.write("sites/shop/a.conf", "a");
  CHECK(place.changed() == "sites/shop/a.conf");
  place.directory.write("sites/shop/b.conf", "b");
  CHECK(place.changed() == "sites/shop/b.conf");
  place.directory.write("sites/shop/b.txt", "b");
  CHECK(place.changed().empty());
  place.directory.write("sites/shop/a.conf", "new");
  CHECK(place.changed() == "sites/shop/a.conf");
}

TEST_CASE("a folder stands for the files in it") {
  const TemporaryDirectory directory;
  directory.write("pages/a.html", "a");
  directory.write("pages/deep/b.html", "b");
  FileWatch watch({(directory.path() / "pages/").string()});
  CHECK(watch.files() == 1);
  const TimePoint now(1h);
  directory.write("pages/deep/b.html", "other");
  CHECK(watch.changed(now).empty());
  CHECK(watch.due() == TimePoint::max());
  directory.write("pages/c.html", "c");
  CHECK(watch.changed(now).empty());
  CHECK(watch.changed(now + FileWatch::k_quiet).ends_with("pages/c.html"));
}

TEST_CASE("a watch of nothing is quiet") {
  FileWatch watch({});
  CHECK(watch.files() == 0);
  CHECK(watch.changed(TimePoint(1h)).empty());
  CHECK(watch.due() == TimePoint::max());
}
