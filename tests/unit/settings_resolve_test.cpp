// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "settings/describe.hpp"
#include "settings/error.hpp"
#include "settings/resolve.hpp"
#include "settings/table.hpp"
#include "settings/value.hpp"
#include "temporary_directory.hpp"

using namespace uringcorn::settings;
using namespace std::chrono_literals;
using uringcorn::LogLevel;
using uringcorn::TemporaryDirectory;

namespace {

using Words = std::vector<std::string>;

std::string complaint(const Sources& sources) {
  try {
    resolve(sources);
    return "no complaint";
  } catch (const SettingsError& error) {
    return error.what();
  }
}

// Sources in an empty directory, so that no file of the machine takes part.
struct Place {
  TemporaryDirectory directory;
  Sources sources;
  Place() { sources.directory = directory.path(); }
};

const Origin& origin(const Resolution& resolution, std::string_view key) {
  return resolution.origins[static_cast<std::size_t>(find_key(key) - table().data())];
}

}  // namespace

TEST_CASE("with nothing said, every setting is its default") {
  const Place place;
  const Resolution resolution = resolve(place.sources);
  CHECK(resolution.action == Action::serve);
  for (const Setting& setting : table()) {
    CAPTURE(setting.key);
    CHECK(show(setting, resolution.settings) == show(setting, Settings{}));
  }
  CHECK(origin(resolution, "workers").place == "default");
}

TEST_CASE("each source is stronger than the one before") {
  Place place;
  const auto workers = [&place] { return resolve(place.sources).settings.workers; };
  const auto from = [&place] { return origin(resolve(place.sources), "workers").place; };
  CHECK(workers() == 1);
  place.sources.environment["WEB_CONCURRENCY"] = "2";
  CHECK(workers() == 2);
  CHECK(from() == "WEB_CONCURRENCY");
  place.directory.write("uringcorn.toml", "\nworkers = 3\n");
  CHECK(workers() == 3);
  CHECK(from() == "uringcorn.toml:2");
  place.sources.environment["URINGCORN_CMD_ARGS"] = "--workers 4";
  CHECK(workers() == 4);
  CHECK(from() == "URINGCORN_CMD_ARGS: --workers");
  place.sources.arguments = {"-w", "5"};
  CHECK(workers() == 5);
  CHECK(from() == "--workers");
}

TEST_CASE("a list of a stronger source replaces the whole list of a weaker one") {
  Place place;
  place.sources.environment["PORT"] = "9000";
  CHECK(resolve(place.sources).settings.bind == Words{"0.0.0.0:9000"});
  place.directory.write("uringcorn.toml", "bind = [\":1\", \":2\"]\n");
  CHECK(resolve(place.sources).settings.bind == Words{":1", ":2"});
  place.sources.arguments = {"-b", "unix:/x", "-b", ":3"};
  CHECK(resolve(place.sources).settings.bind == Words{"unix:/x", ":3"});
}

TEST_CASE("lists of addresses add up within a source, and replace those of a weaker one") {
  Place place;
  const auto trusted = [&place] {
    return resolve(place.sources).settings.forwarded_allow_ips.texts();
  };
  CHECK(trusted() == Words{"127.0.0.1", "::1"});
  place.sources.environment["FORWARDED_ALLOW_IPS"] = "*";
  CHECK(trusted() == Words{"*"});
  place.directory.write("uringcorn.toml", "forwarded_allow_ips = [\"10.0.0.0/8\", \"::1\"]\n");
  CHECK(trusted() == Words{"10.0.0.0/8", "::1"});
  place.sources.arguments = {"--forwarded-allow-ips", "192.0.2.1,192.0.2.2",
                             "--forwarded-allow-ips", "2001:db8::/32"};
  CHECK(trusted() == Words{"192.0.2.1", "192.0.2.2", "2001:db8::/32"});
  place.sources.arguments = {"--forwarded-allow-ips="};
  CHECK(trusted().empty());
}

TEST_CASE("an address that is none is refused with the setting's name") {
  Place place;
  place.sources.environment["FORWARDED_ALLOW_IPS"] = "10.0.0.1/8";
  CHECK(complaint(place.sources) ==
        "FORWARDED_ALLOW_IPS: \"10.0.0.1/8\" has bits set after the"
        " first 8 (the network is 10.0.0.0/8)");
  place.sources.environment.clear();
  place.directory.write("uringcorn.toml", "proxy_protocol = \"auto\"\nproxy_allow_from = \"x\"\n");
  CHECK(complaint(place.sources) ==
        "uringcorn.toml:2: proxy_allow_from: \"x\" is not an IP address,"
        " a network such as 10.0.0.0/8, or *");
}

TEST_CASE("PORT must be a port") {
  Place place;
  place.sources.environment["PORT"] = "80x";
  CHECK(complaint(place.sources) == "PORT: \"80x\" is not a port number (0 to 65535)");
  place.sources.environment["PORT"] = "65536";
  CHECK(complaint(place.sources) == "PORT: \"65536\" is not a port number (0 to 65535)");
  place.sources.environment["PORT"] = "";
  CHECK(resolve(place.sources).settings.bind == Words{"127.0.0.1:8000"});
}

TEST_CASE("every kind of value arrives in its field, in its unit") {
  Place place;
  place.sources.arguments = {"./shop.so:admin",
                             "--timeout",
                             "0.5",
                             "--keep-alive=1m",
                             "--limit-request-body",
                             "2g",
                             "--reactor",
                             "epoll",
                             "--log-level",
                             "debug",
                             "--backlog",
                             "7",
                             "--worker-connections",
                             "100",
                             "--server-header",
                             ""};
  const Settings settings = resolve(place.sources).settings;
  CHECK(settings.app_path == "./shop.so:admin");
  CHECK(settings.timeout == 500ms);
  CHECK(settings.keep_alive == 1min);
  CHECK(settings.limit_request_body == 2ULL << 30);
  CHECK(settings.reactor == ReactorChoice::epoll);
  CHECK(settings.log_level == LogLevel::debug);
  CHECK(settings.backlog == 7);
  CHECK(settings.worker_connections == 100);
  CHECK(settings.server_header.empty());
}

TEST_CASE("names of choices may be in capitals") {
  Place place;
  place.sources.arguments = {"--log-level", "WARNING", "--log-syslog-facility", "Local7"};
  CHECK(resolve(place.sources).settings.log_level == LogLevel::warning);
  CHECK(resolve(place.sources).settings.log_syslog_facility == 23);
  CHECK(show(*find_key("log_level"), resolve(place.sources).settings).front() == "warning");
}

TEST_CASE("a configuration file gives the same values, with the types of TOML") {
  Place place;
  place.directory.write("uringcorn.toml",
                        "app = \"./shop.so\"\nbind = \":80\"\nworkers = \"auto\"\ntimeout = 0.5\n"
                        "keep_alive = \"1m\"\nlimit_request_body = \"2g\"\nreactor = 'epoll'\n"
                        "limit_request_line = 100\n");
  const Settings settings = resolve(place.sources).settings;
  CHECK(settings.app_path == "./shop.so");
  CHECK(settings.bind == Words{":80"});
  CHECK(settings.workers >= 1);
  CHECK(settings.timeout == 500ms);
  CHECK(settings.keep_alive == 1min);
  CHECK(settings.limit_request_body == 2ULL << 30);
  CHECK(settings.reactor == ReactorChoice::epoll);
  CHECK(settings.limit_request_line == 100);
}

TEST_CASE("the configuration file of --config must be there; ./uringcorn.toml need not") {
  Place place;
  const std::string missing = (place.directory.path() / "shop.toml").string();
  place.sources.arguments = {"-c", "shop.toml"};
  CHECK(complaint(place.sources) ==
        "--config: cannot read \"" + missing + "\": No such file or directory");
  place.directory.write("shop.toml", "workers = 3\n");
  place.directory.write("uringcorn.toml", "workers = 9\n");
  CHECK(resolve(place.sources).settings.workers == 3);
  place.sources.arguments.clear();
  CHECK(resolve(place.sources).settings.workers == 9);
  place.sources.environment["URINGCORN_CMD_ARGS"] = "-c shop.toml";
  CHECK(resolve(place.sources).settings.workers == 3);
  place.sources.arguments = {"--config", ""};
  CHECK(resolve(place.sources).settings.workers == 1);
}

TEST_CASE("a bad value is told with where it came from") {
  Place place;
  place.sources.arguments = {"--workers", "fuor"};
  CHECK(complaint(place.sources) ==
        R"(--workers: "fuor" is not a whole number or "auto" (1 to 1024))");
  place.sources.arguments.clear();
  place.sources.environment["WEB_CONCURRENCY"] = "fuor";
  CHECK(complaint(place.sources) ==
        R"(WEB_CONCURRENCY: "fuor" is not a whole number or "auto" (1 to 1024))");
  place.sources.environment = {{"URINGCORN_CMD_ARGS", "-t soon"}};
  CHECK(complaint(place.sources).starts_with(R"(URINGCORN_CMD_ARGS: --timeout: "soon" is not)"));
  place.sources.environment = {{"URINGCORN_CMD_ARGS", "--wrkers 1"}};
  CHECK(complaint(place.sources) ==
        "URINGCORN_CMD_ARGS: unknown option \"--wrkers\" (did you mean --workers?)");
  place.sources.environment = {{"URINGCORN_CMD_ARGS", "'x"}};
  CHECK(complaint(place.sources) == "URINGCORN_CMD_ARGS: a quote (') is not closed");
  place.sources.environment = {{"URINGCORN_CMD_ARGS", "--help"}};
  CHECK(complaint(place.sources) == "URINGCORN_CMD_ARGS: --help belongs on the command line");
}

TEST_CASE("an error in the configuration file has file, line and key") {
  Place place;
  const auto told = [&place](std::string_view text) {
    place.directory.write("uringcorn.toml", text);
    return complaint(place.sources);
  };
  CHECK(told("\nwrkers = 3\n") ==
        "uringcorn.toml:2: unknown setting \"wrkers\" (did you mean workers?)");
  CHECK(told("frobnicate = 3\n") == "uringcorn.toml:1: unknown setting \"frobnicate\"");
  CHECK(told("help = true\n") == "uringcorn.toml:1: unknown setting \"help\"");
  CHECK(told("\n\nworkers = 0\n") ==
        R"(uringcorn.toml:3: workers: "0" is not a whole number or "auto" (1 to 1024))");
  CHECK(told("backlog = \"7\"\n") ==
        "uringcorn.toml:1: backlog: expected a whole number (1 to 65535), found the string \"7\"");
  CHECK(told("server_header = 5\n") ==
        "uringcorn.toml:1: server_header: expected a text, found the number 5");
  CHECK(told("timeout = true\n") ==
        "uringcorn.toml:1: timeout: expected a duration such as 30, 0.5, 500ms, 30s or 5m (0 to "
        "24h), found true");
  CHECK(
      told("workers = [1]\n") ==
      "uringcorn.toml:1: workers: expected a whole number or \"auto\" (1 to 1024), found an array");
  CHECK(told("bind = []\n") == "uringcorn.toml:1: bind: the array is empty");
  CHECK(told("reload_extra_file = []\nforwarded_allow_ips = []\n") == "no complaint");
  CHECK(told("bind = [\":80\", 1]\n") ==
        "uringcorn.toml:1: bind: expected a text or an array of texts, found the number 1");
  CHECK(told("bind = [\":80\", \"\"]\n") == "uringcorn.toml:1: bind: must not be empty");
}

TEST_CASE("each [[listener]] of the file is an address more") {
  Place place;
  const auto bind = [&place](std::string_view text) {
    place.directory.write("uringcorn.toml", text);
    return resolve(place.sources).settings.bind;
  };
  CHECK(bind("[[listener]]\nbind = \":1\"\n[[listener]]\nbind = \":2\"\n") == Words{":1", ":2"});
  CHECK(bind("bind = \":1\"\n[[listener]]\nbind = \":2\"\n") == Words{":1", ":2"});
  place.sources.arguments = {"-b", ":3"};
  CHECK(bind("[[listener]]\nbind = \":1\"\n") == Words{":3"});
  const auto told = [&](std::string_view text) {
    place.directory.write("uringcorn.toml", text);
    return complaint(place.sources);
  };
  CHECK(told("\n[[listner]]\nbind = \":1\"\n") ==
        "uringcorn.toml:2: unknown table [[listner]] (there is only [[listener]])");
  CHECK(told("[[listener]]\nworkers = 2\n") ==
        "uringcorn.toml:2: a [[listener]] has no setting \"workers\"");
  CHECK(told("[[listener]]\n\nbind = [\":1\"]\n") ==
        "uringcorn.toml:3: bind: a [[listener]] has one address, a text");
  CHECK(told("workers = 1\n[[listener]]\n") == "uringcorn.toml:2: the [[listener]] has no bind");
}

TEST_CASE("a default configuration file that was there once must be there again") {
  Place place;
  CHECK(resolve(place.sources).config_file.empty());
  place.directory.write("uringcorn.toml", "workers = 3\n");
  CHECK(resolve(place.sources).config_file == "uringcorn.toml");
  place.sources.expects_config = true;
  CHECK(resolve(place.sources).settings.workers == 3);
  std::filesystem::remove(place.directory.path() / "uringcorn.toml");
  CHECK(complaint(place.sources).ends_with("uringcorn.toml\": No such file or directory"));
}

TEST_CASE("limits that contradict each other are refused") {
  Place place;
  place.sources.arguments = {"--limit-request-line", "100k"};
  CHECK(complaint(place.sources) ==
        "limit_request_line (100k, --limit-request-line) is more than limit_request_head (64k, "
        "default), which includes it: raise limit_request_head");
  place.sources.arguments = {"--limit-request-line", "100k", "--limit-request-head", "200k"};
  CHECK(complaint(place.sources) == "no complaint");
  place.sources.arguments = {"--limit-request-head", "4k"};
  CHECK(complaint(place.sources).starts_with("limit_request_line (8190, default) is more than"));
}

TEST_CASE("a switch can be thrown by each source, either way") {
  Place place;
  const auto captures = [&place] { return resolve(place.sources).settings.capture_output; };
  CHECK_FALSE(captures());
  place.directory.write("uringcorn.toml", "capture_output = true\n");
  CHECK(captures());
  place.sources.environment["URINGCORN_CMD_ARGS"] = "--no-capture-output";
  CHECK_FALSE(captures());
  place.sources.arguments = {"--capture-output"};
  CHECK(captures());
  CHECK(print_config(resolve(place.sources)).find("capture_output = true  # --capture-output\n") !=
        std::string::npos);
  place.sources.arguments = {"--capture-output=1"};
  CHECK(complaint(place.sources) == "--capture-output: \"1\" is not true or false");
  place.directory.write("uringcorn.toml", "capture_output = \"true\"\n");
  CHECK(complaint(place.sources) ==
        "uringcorn.toml:1: capture_output: expected true or false, found the string \"true\"");
}

TEST_CASE("a captured standard output is no place for the access log") {
  Place place;
  place.sources.arguments = {"--capture-output", "--error-logfile", "e.log", "--access-logfile",
                             "-"};
  CHECK(complaint(place.sources) ==
        "access_logfile (-, --access-logfile) is standard output, which capture_output "
        "(--capture-output) sends to the error log: give the access log a file");
  place.sources.arguments = {"--capture-output", "--access-logfile", "-"};
  CHECK(complaint(place.sources) == "no complaint");
}

TEST_CASE("the class sync is not asked for HTTP/2") {
  Place place;
  place.sources.arguments = {"-k", "sync", "--http-protocols", "h2"};
  CHECK(complaint(place.sources) ==
        "http_protocols (h2, --http-protocols) asks for HTTP/2, and the worker_class sync "
        "(--worker-class) speaks HTTP/1.1 only: take the class threads or async");
  place.directory.write("uringcorn.toml", "worker_class = \"sync\"\n");
  place.sources.arguments = {"--http2-cleartext"};
  CHECK(complaint(place.sources) ==
        "http2_cleartext (true, --http2-cleartext) asks for HTTP/2, and the worker_class sync "
        "(uringcorn.toml:1) speaks HTTP/1.1 only: take the class threads or async");
  place.sources.arguments = {"--http-protocols", "h1,h2"};
  CHECK(complaint(place.sources) == "no complaint");
  place.sources.arguments = {"-k", "threads", "--http2-cleartext", "--http-protocols", "h2"};
  CHECK(complaint(place.sources) == "no complaint");
}

TEST_CASE("a room's own check is heard, with the source of the value before it") {
  Place place;
  place.sources.checks.push_back(
      {"bind", [](const std::string& text) { return text == ":80" ? "" : "no place " + text; }});
  place.sources.arguments = {"-b", ":80"};
  CHECK(complaint(place.sources) == "no complaint");
  place.sources.arguments = {"-b", ":80", "-b", "nowhere"};
  CHECK(complaint(place.sources) == "--bind: no place nowhere");
  place.sources.arguments.clear();
  place.directory.write("uringcorn.toml", "bind = \"x\"\n");
  CHECK(complaint(place.sources) == "uringcorn.toml:1: bind: no place x");
}

TEST_CASE("--help and --version are answered whatever else is wrong") {
  Place place;
  place.directory.write("uringcorn.toml", "nonsense");
  place.sources.arguments = {"--help", "--workers", "fuor"};
  CHECK(resolve(place.sources).action == Action::help);
  place.sources.arguments = {"-v", "--workers", "fuor"};
  CHECK(resolve(place.sources).action == Action::version);
}

TEST_CASE("--print-config names every value and where it came from") {
  Place place;
  place.directory.write("uringcorn.toml", "timeout = 90\n");
  place.sources.environment["WEB_CONCURRENCY"] = "2";
  place.sources.arguments = {"--print-config", "--worker-tmp-dir", "a \"b\"\n\x7f"};
  const Resolution resolution = resolve(place.sources);
  CHECK(resolution.action == Action::print_config);
  const std::string text = print_config(resolution);
  CHECK(text.find("workers = 2  # WEB_CONCURRENCY\n") != std::string::npos);
  CHECK(text.find("timeout = \"90s\"  # uringcorn.toml:1 90\n") != std::string::npos);
  CHECK(text.find("backlog = 2048  # default\n") != std::string::npos);
  CHECK(text.find("worker_tmp_dir = \"a \\\"b\\\"\\u000a\\u007f\"  # --worker-tmp-dir\n") !=
        std::string::npos);
}

TEST_CASE("a [[listener]] has TLS of its own, and what it does not say is as everywhere") {
  Place place;
  place.directory.write(
      "uringcorn.toml",
      "certfile = [\"a\", \"b\"]\nkeyfile = [\"a.key\", \"b.key\"]\ntls_min = \"1.3\"\n"
      "bind = [\":1\", \"http://:2\"]\n"
      "[[listener]]\nbind = \"https://:3\"\ncertfile = \"c\"\ncert_reqs = \"required\"\n"
      "ca_certs = \"ca\"\n"
      "[[listener]]\nbind = \":4\"\n");
  const Resolution first = resolve(place.sources);
  const auto check = [](const Settings& settings) {
    REQUIRE(settings.listeners.size() == 4);
    CHECK(settings.listeners[0].bind == ":1");
    CHECK(settings.listeners[0].is_tls);
    CHECK(settings.listeners[0].tls.keyfile == Words{"a.key", "b.key"});
    CHECK(settings.listeners[1].bind == ":2");
    CHECK_FALSE(settings.listeners[1].is_tls);
    CHECK(settings.listeners[2].bind == ":3");
    CHECK(settings.listeners[2].tls.certfile == Words{"c"});
    CHECK(settings.listeners[2].tls.keyfile.empty());
    CHECK(settings.listeners[2].tls.cert_reqs == CertReqs::required);
    CHECK(settings.listeners[2].tls.tls_min == TlsVersion::tls_1_3);
    CHECK(settings.listeners[3].tls == settings.listeners[0].tls);
  };
  check(first.settings);
  place.directory.write("uringcorn.toml", print_config(first));
  check(resolve(place.sources).settings);
  place.sources.arguments = {"--bind", ":9"};
  CHECK(resolve(place.sources).settings.listeners.size() == 1);
}

TEST_CASE("TLS that contradicts itself is refused") {
  Place place;
  const auto told = [&place](const Words& arguments) {
    place.sources.arguments = arguments;
    try {
      resolve(place.sources);
      return std::string();
    } catch (const SettingsError& error) {
      return std::string(error.what());
    }
  };
  const auto tells = [&told](const Words& arguments, const char* reason) {
    return told(arguments).find(reason) != std::string::npos;
  };
  CHECK(told({"--bind", "https://:1"}) == "https://:1 needs a certificate (--certfile, --keyfile)");
  CHECK(tells({"--certfile", "a", "--keyfile", "b", "--keyfile", "c"}, "2 keys"));
  CHECK(tells({"--certfile", "a", "--ocsp-file", "b", "--ocsp-file", "c"}, "2 OCSP"));
  CHECK(tells({"--certfile", "a", "--cert-reqs", "optional"}, "--ca-certs"));
  CHECK(tells({"--certfile", "a", "--cert-reqs", "3"}, "none, optional or required"));
  // Nobody speaks TLS here, so nothing of it matters.
  CHECK(told({"--certfile", "a", "--cert-reqs", "1", "--bind", "http://:1"}).empty());
}

TEST_CASE("what --print-config prints is a configuration file with the same settings") {
  Place place;
  place.sources.arguments = {"./shop.so",           "-b",        ":1",     "-b",
                             "unix:/a b",           "-w",        "3",      "--worker-tmp-dir",
                             "a \"b\"\n\t\x7f\\",   "--timeout", "1500ms", "--access-logformat",
                             "\"%(r)s\" %(q)s # x", "--reactor", "epoll"};
  const Resolution first = resolve(place.sources);
  place.directory.write("uringcorn.toml", print_config(first));
  place.sources.arguments.clear();
  const Resolution second = resolve(place.sources);
  for (const Setting& setting : table()) {
    CAPTURE(setting.key);
    CHECK(show(setting, second.settings) == show(setting, first.settings));
  }
}
