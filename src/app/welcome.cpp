// SPDX-License-Identifier: MIT
#include "app/welcome.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <uringcorn/app.hpp>
#include <uringcorn/shutdown.hpp>

#include "app/welcome_page.hpp"
#include "reactor/reactor.hpp"

namespace uringcorn::app {
namespace {

void replace_all(std::string& text, std::string_view mark, std::string_view value) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + value.size())) {
    text.replace(at, mark.size(), value);
  }
}

/// The worker's number, if whoever started it gave it one.
std::string worker_slot() {
  const char* const slot = ::getenv("URINGCORN_WORKER_SLOT");
  const std::string_view digits = slot != nullptr ? slot : "";
  const bool is_number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  return is_number ? std::string(digits) : "0";
}

std::string_view reactor_name() {
  const reactor::Reactor* const reactor = reactor::Reactor::current_or_null();
  const bool is_epoll = reactor != nullptr && reactor->backend() == reactor::BackendKind::epoll;
  return is_epoll ? "epoll" : "io_uring";
}

std::string render_page() {
  std::string page(k_welcome_page);
  replace_all(page, "{{version}}", URINGCORN_VERSION);
  replace_all(page, "{{slot}}", worker_slot());
  replace_all(page, "{{pid}}", std::to_string(::getpid()));
  replace_all(page, "{{reactor}}", reactor_name());
  return page;
}

}  // namespace

std::unique_ptr<Application> make_welcome_application() {
  return make_application([](App& app) {
    auto& page = app.emplace_state<std::string>();
    // Not before: the worker and its reactor are not there yet when the application is made.
    app.on_startup([&page]() -> Task<void> {
      page = render_page();
      co_return;
    });
    app.get("/", [&page](Request&) {
      return Response::html(page)
          .field("Cache-Control", "no-store")
          .field("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    });
    app.get("/health", [](Request&) {
      Response answer =
          shutting_down() ? Response::text("shutting down\n").status(503) : Response::text("ok\n");
      return std::move(answer).field("Cache-Control", "no-store");
    });
  });
}

}  // namespace uringcorn::app
