// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "observe/access_log_format.hpp"
#include "settings/describe.hpp"
#include "settings/table.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn::settings;

TEST_CASE("docs/settings.md is what the table says") {
  const std::string page = URINGCORN_SOURCE_ROOT "/docs/settings.md";
  if (std::getenv("URINGCORN_UPDATE_DOCS") != nullptr) {
    std::ofstream(page) << markdown();
  }
  const bool is_current = uringcorn::text_of(page) == markdown();
  CHECK_MESSAGE(is_current, "docs/settings.md is stale; URINGCORN_UPDATE_DOCS=1 writes it anew");
}

TEST_CASE("the help has every flag and fits in 80 columns") {
  const std::string text = help();
  for (const Setting& setting : table()) {
    const std::string_view name = command_line_name(setting);
    CAPTURE(name);
    CHECK(text.find(name) != std::string::npos);
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
    CHECK_FALSE(line.ends_with(' '));
  }
}

TEST_CASE("the help shows short flags, values and defaults in columns") {
  const std::string text = help();
  CHECK(text.find("\nListening:\n  -b, --bind ADDRESS         Where to listen:") !=
        std::string::npos);
  CHECK(
      text.find("      --backlog INT          Connections that may wait to be accepted, for each\n"
                "                             address. [2048]\n") != std::string::npos);
  CHECK(text.find("  -h, --help                 Print this.\n") != std::string::npos);
}

TEST_CASE("the documentation of the access log has exactly the atoms that there are") {
  const std::string_view details = find_key("access_log_format")->details;
  std::size_t documented = 0;
  for (std::size_t at = details.find("\n| `%("); at != std::string_view::npos;
       at = details.find("\n| `%(", at + 1)) {
    ++documented;
  }
  constexpr std::size_t k_field_families = 3;
  CHECK(documented == uringcorn::observe::AccessLogFormat::atom_names().size() + k_field_families);
  for (const std::string_view name : uringcorn::observe::AccessLogFormat::atom_names()) {
    CAPTURE(name);
    CHECK(details.find("| `%(" + std::string(name) + ")s` |") != std::string_view::npos);
  }
}
